use ntex::web::{self, App, HttpServer};

#[web::get("/")]
async fn hello() -> &'static str {
    "Hello, world!"
}

#[ntex::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:3000".into());
    HttpServer::new(async || App::new().service(hello))
        .bind(address)?
        .run()
        .await
}
