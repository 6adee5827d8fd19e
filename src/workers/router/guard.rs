//! Who may ask over HTTP: by token, by source network, or both where both are set.

use std::net::IpAddr;

use axum::http::HeaderMap;

use crate::domain::routing::network::Network;
use crate::workers::access::Token;

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
        let by_token = self.token.as_ref().is_none_or(|token| token.is_shown_by(headers));
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
        let token = Token::new("s3cret\n");
        let peers: Vec<Network> = vec!["10.0.0.0/8".parse().unwrap()];
        let inside = Some("10.1.2.3".parse().unwrap());
        let outside = Some("11.1.2.3".parse().unwrap());
        let basic = format!("Basic {}", STANDARD.encode("switch:s3cret"));
        for (token, peers, authorization, source, admitted) in [
            (None, vec![], "Bearer s3cret", inside, false),
            (token.clone(), vec![], "Bearer s3cret", outside, true),
            (token.clone(), vec![], basic.as_str(), None, true),
            (token.clone(), vec![], "Bearer s3cre", inside, false),
            (token.clone(), vec![], "Digest s3cret", inside, false),
            (token.clone(), vec![], "", inside, false),
            (None, peers.clone(), "", inside, true),
            (None, peers.clone(), "", outside, false),
            (None, peers.clone(), "", None, false),
            (token.clone(), peers.clone(), "Bearer s3cret", outside, false),
            (token.clone(), peers.clone(), "", inside, false),
            (token.clone(), peers.clone(), "bearer s3cret", inside, true),
        ] {
            let guard = Guard { token, peers };
            assert_eq!(guard.admits(&headers(authorization), source), admitted, "{guard:?} {authorization} {source:?}");
        }
    }
}
