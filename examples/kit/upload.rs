//! An upload of an HTML form, written to a file while it arrives.
//!
//! `curl http://localhost:3000 -F title=Notes -F file=@README.md`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhost::multipart::MultipartLimits;
use anyhost::{Error, Html, Request, RequestExt, Result, Router};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

/// The folder for the files.
struct Folder(PathBuf);

async fn form() -> Html<&'static str> {
    Html(
        "<form method=post enctype=multipart/form-data>\
         <input name=title> <input name=file type=file> <button>Upload</button></form>",
    )
}

async fn upload(mut request: Request) -> Result<String> {
    let folder = request.state::<Folder>()?;
    let limits = MultipartLimits::new()
        .with_total("100mb")?
        .with_part("100mb")?;
    let mut parts = request.multipart(limits)?;
    let (mut title, mut saved) = (String::new(), None);
    while let Some(mut part) = parts.next_part().await? {
        match part.name() {
            "title" => title = part.text_limit("1kb").await?,
            "file" => {
                let name = part.file_name().unwrap_or_else(|| "unnamed".to_owned());
                // The program makes up the name of the file. The name that the client sent is only shown.
                let mut file = create(&folder.0).await?;
                let mut length = 0;
                while let Some(chunk) = part.chunk().await? {
                    length += chunk.len();
                    file.write_all(&chunk).await?;
                }
                file.flush().await?;
                saved = Some(format!("{name}, {length} bytes"));
            }
            _ => return Err(Error::new(400, "Unknown field")),
        }
    }
    let saved = saved.ok_or_else(|| Error::new(400, "Missing field: file"))?;
    Ok(format!("{title}: {saved}"))
}

async fn create(folder: &Path) -> Result<File> {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("upload-{}-{number}", std::process::id());
    Ok(File::create_new(folder.join(name)).await?)
}

fn app(folder: PathBuf) -> Router {
    Router::new()
        .get("/", form)
        .post("/", upload)
        .with_state(Folder(folder))
}

fn main() -> ExitCode {
    anyhost::run(app(std::env::temp_dir()))
}

#[cfg(test)]
mod tests {
    use anyhost::http::Request;
    use anyhost_conformance::local_hosts;
    use http_body_util::BodyExt;

    fn form(file: &str) -> anyhost::Request {
        let body = format!(
            "--b\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nNotes\r\n\
             --b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../a.txt\"\r\n\r\n{file}\r\n--b--\r\n"
        );
        let request = Request::post("/").header("content-type", "multipart/form-data; boundary=b");
        request.body(body.into()).unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_upload_is_saved_on_every_host() {
        let folder = tempfile::tempdir().unwrap();
        let content = "0123456789".repeat(50_000);
        let hosts = local_hosts(super::app(folder.path().to_owned())).await;
        for host in &hosts {
            let name = &host.profile().name;
            let response = host.send(form(&content)).await.unwrap();
            assert_eq!(response.status(), 200, "{name}");
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, "Notes: a.txt, 500000 bytes", "{name}");
        }
        let files = std::fs::read_dir(folder.path()).unwrap();
        let files: Vec<_> = files
            .map(|file| std::fs::read(file.unwrap().path()).unwrap())
            .collect();
        assert_eq!(files.len(), hosts.len());
        assert!(files.iter().all(|file| file == content.as_bytes()));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn another_media_type_is_a_415_and_an_incomplete_form_is_a_400_on_every_host() {
        let folder = tempfile::tempdir().unwrap();
        for host in local_hosts(super::app(folder.path().to_owned())).await {
            let name = &host.profile().name;
            let json = Request::post("/").header("content-type", "application/json");
            let response = host.send(json.body("{}".into()).unwrap()).await.unwrap();
            assert_eq!(response.status(), 415, "{name}");
            let mut request = form("x");
            *request.body_mut() = "--b\r\nContent-Disposition: form-data; name=\"title\"".into();
            let response = host.send(request).await.unwrap();
            assert_eq!(response.status(), 400, "{name}");
        }
    }
}
