//! How a body is packed and cut, by what its head says. Pure.

use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use crate::domain::rating::native::Format;
use crate::runtime::unpack::Packing;

/// How a body is cut into records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// The whole body is one record.
    One,
    /// One record per line; blank lines are passed over.
    Lines,
    /// One record per row of a CSV text, whose quoted values may hold line ends.
    Rows,
}

const JSON: (&str, Form) = ("application/json", Form::One);
const JSON_LINES: (&str, Form) = ("application/x-ndjson", Form::Lines);

/// What a sender may say of its body's form, by who writes it; `None`: this project's own form.
fn known(format: Option<Format>) -> &'static [(&'static str, Form)] {
    match format {
        None | Some(Format::KamailioAcc) => &[JSON, JSON_LINES],
        Some(Format::FreeSwitchJson) => &[
            JSON,
            JSON_LINES,
            // mod_json_cdr with `encode` true (its default) and base64.
            ("application/x-www-form-urlencoded", Form::One),
            ("application/x-www-form-base64-encoded", Form::One),
        ],
        Some(Format::AsteriskCsv) => &[("text/csv", Form::Rows)],
    }
}

/// How the body is cut; or the sentence that says which types are read.
pub(super) fn form(headers: &HeaderMap, format: Option<Format>) -> Result<Form, String> {
    let said = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let said = said.split(';').next().unwrap_or_default().trim();
    let known = known(format);
    let found = known.iter().find(|(kind, _)| kind.eq_ignore_ascii_case(said));
    found.map(|(_, form)| *form).ok_or_else(|| {
        let described: Vec<String> =
            known.iter().map(|(kind, form)| format!("{kind} ({})", form.described())).collect();
        format!("Content-Type must be {}", described.join(" or "))
    })
}

/// How the body is packed (RFC 9110 §8.4); or the sentence that says which ways are read.
pub(super) fn packing(headers: &HeaderMap) -> Result<Packing, String> {
    let mut said = headers.get_all(CONTENT_ENCODING).iter();
    let (first, more) = (said.next(), said.next());
    let Some(first) = first else { return Ok(Packing::Plain) };
    match first.to_str().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        _ if more.is_some() => Err("a body that is packed twice is not read: send it packed once".to_owned()),
        "identity" | "" => Ok(Packing::Plain),
        "gzip" | "x-gzip" => Ok(Packing::Gzip),
        "zstd" => Ok(Packing::Zstd),
        _ => Err("Content-Encoding must be gzip or zstd, or be left out".to_owned()),
    }
}

impl Form {
    fn described(self) -> &'static str {
        match self {
            Self::One => "one record",
            Self::Lines => "one record per line",
            Self::Rows => "one record per row",
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(name: &'static str, values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_form_is_told_by_the_bodys_type_and_by_who_writes_it() {
        let of = |kind, format| form(&headers("content-type", &[kind]), format);
        assert_eq!(of("application/json; charset=utf-8", None), Ok(Form::One));
        assert_eq!(of("Application/X-NDJSON", Some(Format::KamailioAcc)), Ok(Form::Lines));
        assert_eq!(of("application/x-www-form-urlencoded", Some(Format::FreeSwitchJson)), Ok(Form::One));
        assert_eq!(of("text/csv;header=absent", Some(Format::AsteriskCsv)), Ok(Form::Rows));
        assert_eq!(
            of("application/x-www-form-urlencoded", None).unwrap_err(),
            "Content-Type must be application/json (one record) or application/x-ndjson (one record per line)"
        );
        assert_eq!(
            of("application/json", Some(Format::AsteriskCsv)).unwrap_err(),
            "Content-Type must be text/csv (one record per row)"
        );
    }

    #[test]
    fn a_packing_is_one_of_two() {
        let of = |values: &[&'static str]| packing(&headers("content-encoding", values));
        assert_eq!(of(&[]), Ok(Packing::Plain));
        assert_eq!(
            (of(&["GZIP"]), of(&["zstd"]), of(&["identity"])),
            (Ok(Packing::Gzip), Ok(Packing::Zstd), Ok(Packing::Plain))
        );
        assert!(of(&["br"]).unwrap_err().contains("gzip or zstd"));
        assert!(of(&["gzip, zstd"]).unwrap_err().contains("gzip or zstd"));
        assert!(of(&["gzip", "gzip"]).unwrap_err().contains("packed twice"));
    }
}
