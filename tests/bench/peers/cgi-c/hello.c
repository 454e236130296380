#include <stdio.h>

int main(void) {
    fputs("Status: 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 13\r\n\r\n"
          "Hello, world!", stdout);
    return 0;
}
