//! Provinces (省、自治区、直辖市): the areas that each consists of, by the names that the area table has. Pure.

use super::area_code::AreaCode;
use super::areas;

/// Why a place condition cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    #[error("there is no province {written:?}: write {meant:?}")]
    Spelling { written: String, meant: &'static str },
    #[error("there is no province {written:?}: write one of {}", list())]
    Unknown { written: String },
    #[error(
        "no area of callerAreas is in a province of callerProvinces, and a call must match both: remove one of them"
    )]
    NothingInCommon,
}

/// Names of all provinces that area codes belong to, in the order of their first code: 北京, 广东, 上海, …
#[must_use]
pub fn provinces() -> Vec<&'static str> {
    let mut names: Vec<&'static str> = Vec::new();
    for name in areas::in_use().filter_map(areas::province) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn list() -> String {
    provinces().join(", ")
}

/// The area codes of a province, ascending.
pub fn codes_of(province: &str) -> Result<Vec<AreaCode>, PlaceError> {
    let codes: Vec<AreaCode> = areas::in_use().filter(|code| areas::province(*code) == Some(province)).collect();
    if codes.is_empty() { Err(unknown(province)) } else { Ok(codes) }
}

/// Area codes as a rule's place conditions come to: `areas` where no province is asked for, those in the provinces where
/// one is. Empty means that every call matches.
pub fn areas_in(areas: &[String], provinces: &[String]) -> Result<Vec<String>, PlaceError> {
    if provinces.is_empty() {
        return Ok(areas.to_vec());
    }
    let mut codes = Vec::new();
    for province in provinces {
        codes.extend(codes_of(province)?.into_iter().map(|code| code.to_string()));
    }
    codes.sort();
    codes.dedup();
    codes.retain(|code| areas.is_empty() || areas.contains(code));
    if codes.is_empty() { Err(PlaceError::NothingInCommon) } else { Ok(codes) }
}

/// 广东省 and 广西壮族自治区 are meant as the table writes them: 广东, 广西.
fn unknown(written: &str) -> PlaceError {
    let meant = provinces().into_iter().find(|known| written.starts_with(known));
    let written: String = written.chars().take(16).collect();
    match meant {
        Some(meant) => PlaceError::Spelling { written, meant },
        None => PlaceError::Unknown { written },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(of: &[&str]) -> Vec<String> {
        of.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn every_code_in_use_is_of_one_province() {
        let all: usize = provinces().into_iter().map(|province| codes_of(province).unwrap().len()).sum();
        assert_eq!(all, areas::in_use().count());
        assert_eq!(provinces().len(), 31, "the mainland's: {:?}", provinces());
        assert_eq!(codes_of("北京").unwrap().iter().map(ToString::to_string).collect::<Vec<_>>(), ["010"]);
        let guangdong = codes_of("广东").unwrap();
        assert!(guangdong.len() > 15 && guangdong.iter().any(|code| code.to_string() == "0755"), "{guangdong:?}");
    }

    #[test]
    fn a_province_narrows_areas_and_must_leave_some() {
        assert_eq!(areas_in(&texts(&["020", "010"]), &[]).unwrap(), ["020", "010"]);
        assert_eq!(areas_in(&[], &texts(&["上海", "北京"])).unwrap(), ["010", "021"]);
        assert_eq!(areas_in(&texts(&["0755", "010", "Unknown"]), &texts(&["广东"])).unwrap(), ["0755"]);
        assert_eq!(areas_in(&texts(&["010"]), &texts(&["广东"])), Err(PlaceError::NothingInCommon));
    }

    #[test]
    fn a_province_of_another_spelling_is_told_its_own() {
        for (written, meant) in [("广东省", "\"广东\""), ("内蒙古自治区", "\"内蒙古\""), ("北京市", "\"北京\"")]
        {
            let error = codes_of(written).unwrap_err().to_string();
            assert!(error.ends_with(&format!("write {meant}")), "{error}");
        }
        let error = codes_of("Guangdong").unwrap_err().to_string();
        assert!(error.contains("one of 北京, ") && error.contains("广东"), "{error}");
    }
}
