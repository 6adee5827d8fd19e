//! A small HTTP client for the crate's own APIs: JSON over one connection per question, bounded.

use std::fmt::Write as _;

use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// No answer of ours is larger.
const LARGEST_ANSWER: u64 = 64 * 1024 * 1024;

/// A question that got no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("no connection to {0}")]
    Connection(String, #[source] std::io::Error),
    #[error("the answer is no HTTP")]
    NoHttp,
    #[error("answered {0}")]
    Status(u16),
    #[error("the answer's body cannot be read")]
    Body(#[source] serde_json::Error),
}

/// `GET` of `path` at `address` (`HOST:PORT`), with `token` as bearer unless it is empty.
pub async fn get<T: DeserializeOwned>(address: &str, path: &str, token: &str) -> Result<T, ClientError> {
    let (status, body) = send(address, "GET", path, token, "", b"").await?;
    if status != 200 {
        return Err(ClientError::Status(status));
    }
    serde_json::from_slice(&body).map_err(ClientError::Body)
}

/// One request; gives the status and the body.
pub async fn send(
    address: &str,
    method: &str,
    path: &str,
    token: &str,
    content_type: &str,
    body: &[u8],
) -> Result<(u16, Vec<u8>), ClientError> {
    let failed = |error| ClientError::Connection(address.to_owned(), error);
    let mut stream = TcpStream::connect(address).await.map_err(failed)?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    if !token.is_empty() {
        let _ = write!(head, "Authorization: Bearer {token}\r\n");
    }
    if !content_type.is_empty() {
        let _ = write!(head, "Content-Type: {content_type}\r\n");
    }
    let _ = write!(head, "Content-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.map_err(failed)?;
    stream.write_all(body).await.map_err(failed)?;
    let mut answer = Vec::new();
    stream.take(LARGEST_ANSWER).read_to_end(&mut answer).await.map_err(failed)?;
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").ok_or(ClientError::NoHttp)?;
    let (head, body) = answer.split_at_checked(end + 4).ok_or(ClientError::NoHttp)?;
    let head = String::from_utf8_lossy(head);
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or(ClientError::NoHttp)?;
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    Ok((status, if chunked { unchunk(body).ok_or(ClientError::NoHttp)? } else { body.to_vec() }))
}

fn unchunk(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::with_capacity(body.len());
    loop {
        let line = body.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(body.get(..line)?).ok()?.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            return Some(whole);
        }
        let start = line.checked_add(2)?;
        let end = start.checked_add(size)?;
        whole.extend_from_slice(body.get(start..end)?);
        body = body.get(end.checked_add(2)?..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_put_together() {
        assert_eq!(unchunk(b"3\r\nabc\r\n2;x=1\r\nde\r\n0\r\n\r\n").as_deref(), Some(&b"abcde"[..]));
        assert_eq!(unchunk(b"ff\r\nabc\r\n"), None);
    }
}
