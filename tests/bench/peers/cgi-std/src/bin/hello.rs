//! Does no more than any Rust program has to.

fn main() {
    print!(
        "Status: 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 13\r\n\r\n\
         Hello, world!"
    );
}
