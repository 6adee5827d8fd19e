//! Who may ask over HTTP: by bearer token, by source network, or both where both are set.

use std::fmt;
use std::net::IpAddr;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq as _;

use crate::domain::digest::Digest;
use crate::domain::routing::network::Network;

/// A token, kept as its digest: it cannot be printed, and comparing takes the same time whatever was presented.
#[derive(Clone, Copy)]
pub struct Token(Digest);

impl Token {
    /// White space around (the line end of a file) does not belong to a token; an empty one is none.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(Digest::of(text.as_bytes())))
    }

    fn is(self, presented: &str) -> bool {
        self.0.as_bytes().ct_eq(Digest::of(presented.as_bytes()).as_bytes()).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Everything that is set must hold; where nothing is set, nobody is admitted.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    pub token: Option<Token>,
    pub peers: Vec<Network>,
}

impl Guard {
    /// Whether a request with these headers from this source may pass. An unknown source is in no network.
    pub fn admits(&self, headers: &HeaderMap, source: Option<IpAddr>) -> bool {
        if self.token.is_none() && self.peers.is_empty() {
            return false;
        }
        let by_token = self.token.is_none_or(|token| presented(headers).is_some_and(|text| token.is(&text)));
        let by_source = self.peers.is_empty()
            || source.is_some_and(|source| self.peers.iter().any(|network| network.contains(source)));
        by_token && by_source
    }
}

/// The token of `Authorization: Bearer …`, or the password of `Basic …`: some switches have no bearer.
pub fn presented(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credentials) = value.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(credentials.trim().to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
    decoded.split_once(':').map(|(_, password)| password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(authorization: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if !authorization.is_empty() {
            headers.insert(AUTHORIZATION, authorization.parse().unwrap());
        }
        headers
    }

    #[test]
    fn everything_that_is_set_must_hold() {
        let token = Token::new("s3cret\n");
        let peers: Vec<Network> = vec!["10.0.0.0/8".parse().unwrap()];
        let inside = Some("10.1.2.3".parse().unwrap());
        let outside = Some("11.1.2.3".parse().unwrap());
        let basic = format!("Basic {}", STANDARD.encode("switch:s3cret"));
        for (token, peers, authorization, source, admitted) in [
            (None, vec![], "Bearer s3cret", inside, false),
            (token, vec![], "Bearer s3cret", outside, true),
            (token, vec![], basic.as_str(), None, true),
            (token, vec![], "Bearer s3cre", inside, false),
            (token, vec![], "Digest s3cret", inside, false),
            (token, vec![], "", inside, false),
            (None, peers.clone(), "", inside, true),
            (None, peers.clone(), "", outside, false),
            (None, peers.clone(), "", None, false),
            (token, peers.clone(), "Bearer s3cret", outside, false),
            (token, peers.clone(), "", inside, false),
            (token, peers.clone(), "bearer s3cret", inside, true),
        ] {
            let guard = Guard { token, peers };
            assert_eq!(guard.admits(&headers(authorization), source), admitted, "{guard:?} {authorization} {source:?}");
        }
    }

    #[test]
    fn an_empty_token_is_none_and_none_is_printed() {
        assert!(Token::new(" \n").is_none());
        assert_eq!(format!("{:?}", Token::new("s3cret")), "Some(Token(…))");
    }
}
