//! Who may ask: a token, as bearer or as the password of Basic (FreeSWITCH's record sender has no bearer).

use std::fmt;

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq as _;

use crate::domain::digest::Digest;

/// Longest `Authorization` header that is looked at, in bytes.
const LONGEST_HEADER: usize = 4096;

/// A secret that a caller must show. Only its digest is kept, and never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Digest);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Token {
    /// The token of a Secret's text, without white space around it; `None` when nothing is left.
    pub fn new(secret: &str) -> Option<Self> {
        let secret = secret.trim();
        (!secret.is_empty()).then(|| Self(Digest::of(secret.as_bytes())))
    }

    /// Whether a request shows this token. Takes the same time however much of it is right.
    pub fn is_shown_by(&self, headers: &HeaderMap) -> bool {
        headers.get(AUTHORIZATION).and_then(shown).is_some_and(|shown| {
            let shown = Digest::of(&shown);
            bool::from(self.0.as_bytes().ct_eq(shown.as_bytes()))
        })
    }
}

fn shown(header: &HeaderValue) -> Option<Vec<u8>> {
    let text = header.to_str().ok().filter(|text| text.len() <= LONGEST_HEADER)?;
    let (scheme, rest) = text.split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("Bearer") {
        return Some(rest.as_bytes().to_vec());
    }
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let pair = STANDARD.decode(rest).ok()?;
    let colon = pair.iter().position(|byte| *byte == b':')?;
    pair.get(colon + 1..).map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn bearer_and_basic_password_open_and_nothing_else_does() {
        let token = Token::new("  s3cret:with-colon\n").unwrap();
        let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
        for (value, opens) in [
            ("Bearer s3cret:with-colon".to_owned(), true),
            ("bearer s3cret:with-colon".to_owned(), true),
            (basic("anybody:s3cret:with-colon"), true),
            (basic("s3cret:with-colon"), false),
            ("Bearer s3cret:with-colo".to_owned(), false),
            ("Bearer".to_owned(), false),
            ("Basic %%%".to_owned(), false),
            ("Digest s3cret:with-colon".to_owned(), false),
        ] {
            assert_eq!(token.is_shown_by(&headers(&value)), opens, "{value}");
        }
        assert!(!token.is_shown_by(&HeaderMap::new()));
    }

    #[test]
    fn an_empty_secret_is_no_token_and_a_token_is_not_printed() {
        assert_eq!(Token::new(" \n"), None);
        assert_eq!(format!("{:?}", Token::new("s3cret")), "Some(Token(…))");
    }
}
