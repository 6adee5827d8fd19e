//! Who may ask over HTTP: by token, by source network, or both where both are set.

use std::net::IpAddr;

use axum::http::HeaderMap;

use crate::domain::routing::network::Network;
use crate::workers::access::Token;

/// Whether a token must be shown.
#[derive(Debug, Clone, Default)]
pub enum Asked {
    #[default]
    Nothing,
    Token(Token),
    /// A token is asked for, and nobody has brought the one to compare with: no request passes.
    Missing,
}

impl Asked {
    /// What a listener that asks for a token (or not) compares with the text of a Secret.
    pub fn of(asks: bool, secret: Option<&str>) -> Self {
        match secret.and_then(Token::new) {
            Some(token) => Self::Token(token),
            None if asks || secret.is_some() => Self::Missing,
            None => Self::Nothing,
        }
    }
}

/// Everything that is set must hold; where nothing is set, nobody is admitted.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    pub token: Asked,
    pub peers: Vec<Network>,
}

impl Guard {
    /// Whether a request with these headers from this source may pass. An unknown source is in no network.
    pub fn admits(&self, headers: &HeaderMap, source: Option<IpAddr>) -> bool {
        let by_token = match &self.token {
            Asked::Nothing => !self.peers.is_empty(),
            Asked::Token(token) => token.is_shown_by(headers),
            Asked::Missing => false,
        };
        let by_source = self.peers.is_empty()
            || source.is_some_and(|source| self.peers.iter().any(|network| network.contains(source)));
        by_token && by_source
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::header::AUTHORIZATION;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    fn headers(authorization: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if !authorization.is_empty() {
            headers.insert(AUTHORIZATION, authorization.parse().unwrap());
        }
        headers
    }

    #[test]
    fn everything_that_is_set_must_hold() {
        let token = Some("s3cret\n");
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
            let guard = Guard { token: Asked::of(false, token), peers };
            assert_eq!(guard.admits(&headers(authorization), source), admitted, "{guard:?} {authorization} {source:?}");
        }
    }
    #[test]
    fn a_listener_whose_token_is_missing_admits_nobody() {
        let peers: Vec<Network> = vec!["10.0.0.0/8".parse().unwrap()];
        for secret in [None, Some(""), Some(" \n")] {
            for peers in [vec![], peers.clone()] {
                let guard = Guard { token: Asked::of(true, secret), peers };
                let inside = Some("10.1.2.3".parse().unwrap());
                assert!(!guard.admits(&headers(""), inside) && !guard.admits(&headers("Bearer "), inside), "{guard:?}");
            }
        }
        let empty = Guard { token: Asked::of(false, Some("")), peers };
        assert!(!empty.admits(&headers(""), Some("10.1.2.3".parse().unwrap())), "an empty file is no token");
    }
}
