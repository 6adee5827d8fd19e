use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::super::packing::{pack, rows};
use super::*;

fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn areas_csv() -> String {
    std::fs::read_to_string(in_repository("data/areas-cn.csv")).unwrap()
}

fn segments_csv() -> String {
    let packed = std::fs::File::open(in_repository("data/mobile-areas-cn.csv.gz")).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed).read_to_string(&mut text).unwrap();
    text
}

fn code(text: &str) -> AreaCode {
    text.parse().unwrap()
}

#[test]
fn the_committed_tables_are_what_the_data_packs_into() {
    let packed = pack(&areas_csv(), &segments_csv());
    let path = in_repository("src/domain/numbering/areas.bin");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &packed).unwrap();
    }
    assert!(packed.len() <= 1_200_000, "{} bytes", packed.len());
    assert!(std::fs::read(&path).unwrap() == packed, "areas.bin is stale: run this test with UPDATE_GOLDEN=1");
}

#[test]
fn every_range_holds_to_its_ends_and_gaps_are_unknown() {
    let csv = segments_csv();
    let mut next = FIRST_SEGMENT;
    let mut gaps = 0;
    for [from, to, area] in rows(&csv, "from,to,area") {
        let (from, to): (u32, u32) = (from.parse().unwrap(), to.parse().unwrap());
        if next < from {
            gaps += 1;
            for gap in [next, from - 1] {
                assert_eq!(area_of_mobile_segment(gap), Area::Unknown, "{gap}");
            }
        }
        for segment in [from, from.midpoint(to), to] {
            assert_eq!(area_of_mobile_segment(segment), Area::Known(code(area)), "{segment}");
        }
        next = to + 1;
    }
    assert!(gaps > 1000, "the data has gaps to prove this by");
    for outside in [0, FIRST_SEGMENT - 1, next, LAST_SEGMENT, LAST_SEGMENT + 1, u32::MAX] {
        assert_eq!(area_of_mobile_segment(outside), Area::Unknown, "{outside}");
    }
}

#[test]
fn every_area_code_has_its_province_and_cities() {
    let csv = areas_csv();
    let listed = rows::<3>(&csv, "area,province,cities");
    for [area, province_listed, cities_listed] in &listed {
        assert_eq!(province(code(area)), Some(*province_listed));
        assert_eq!(cities(code(area)).collect::<Vec<_>>().join("/"), *cities_listed);
    }
    let mut codes: Vec<AreaCode> = listed.iter().map(|[area, ..]| code(area)).collect();
    codes.sort();
    assert_eq!(in_use().collect::<Vec<_>>(), codes);
    assert_eq!(province(code("0565")), None);
    assert_eq!(cities(code("0565")).count(), 0);
    assert_eq!(cities(code("024")).collect::<Vec<_>>(), ["抚顺", "本溪", "沈阳", "铁岭"]);
}

#[test]
fn a_damaged_table_is_not_read() {
    assert!(Tables::read(b"").is_none());
    assert!(Tables::read(b"400AREA1\x01\0\0\0\x01\0\0\0").is_none());
    assert!(Tables::read(b"400AREA2\x01\0\0\0\x01\0\0\0").is_none());
}
