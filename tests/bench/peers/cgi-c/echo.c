/* Responds with the body of the request. */
#include <stdio.h>
#include <stdlib.h>

int main(void) {
    const char *text = getenv("CONTENT_LENGTH");
    size_t length = text ? strtoul(text, NULL, 10) : 0;
    char *body = malloc(length + 1);
    if (!body || fread(body, 1, length, stdin) != length)
        return 1;
    printf("Status: 200 OK\r\ncontent-type: application/octet-stream\r\ncontent-length: %zu\r\n\r\n", length);
    return fwrite(body, 1, length, stdout) == length ? 0 : 1;
}
