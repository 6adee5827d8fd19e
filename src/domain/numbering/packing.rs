//! Packs `data/areas-cn.csv` and `data/mobile-areas-cn.csv.gz` into `areas.bin`, which [`super::areas`] reads. Built
//! for tests only: the committed file is proved equal to what is packed here, and `UPDATE_GOLDEN=1` rewrites it.
//!
//! All integers are little-endian. The sections follow each other in this order:
//!
//! | section | size | holds |
//! |---|---|---|
//! | header | 16 | magic `400AREA1`, u32 number of ranges, u32 number of area rows |
//! | area rows by code | 1000 × u16 | 1 + row of the area code without its 0; 0: not in use |
//! | text offsets | (rows + 1) × u16 | where each row's text begins; the last is the end |
//! | blocks | (2735 + 1) × u32 | first range of each block of 256 mobile segments; the last is the end |
//! | area codes | ranges × u16 | area code of each range without its 0; 0: no area known |
//! | starts | ranges × u8 | first segment of each range, within its block |
//! | text | the rest | per area row `province,city/city`, UTF-8 |

use std::collections::BTreeMap;

use super::area_code::AreaCode;
use super::areas::{BLOCKS, CODES, FIRST_SEGMENT, LAST_SEGMENT, MAGIC};

/// The bytes of `areas.bin`. Panics with the line at fault on a table that is not well-formed.
pub fn pack(areas_csv: &str, segments_csv: &str) -> Vec<u8> {
    let areas = area_rows(areas_csv);
    let segments = segment_areas(segments_csv, &areas);
    let (blocks, starts, codes) = ranges(&segments);

    let mut by_code = vec![0_u16; CODES];
    let (mut offsets, mut text) = (vec![0_u16], String::new());
    for (row, (code, names)) in areas.iter().enumerate() {
        by_code[usize::from(*code)] = u16::try_from(row + 1).expect("few area codes");
        text.push_str(names);
        offsets.push(u16::try_from(text.len()).expect("names fit 64 KiB"));
    }

    let mut packed = MAGIC.to_vec();
    packed.extend(u32::try_from(starts.len()).expect("few ranges").to_le_bytes());
    packed.extend(u32::try_from(areas.len()).expect("few area codes").to_le_bytes());
    packed.extend(by_code.iter().chain(&offsets).flat_map(|value| value.to_le_bytes()));
    packed.extend(blocks.iter().flat_map(|value| value.to_le_bytes()));
    packed.extend(codes.iter().flat_map(|value| value.to_le_bytes()));
    packed.extend(starts);
    packed.extend(text.into_bytes());
    packed
}

/// Rows of a CSV file without quoting, after its header.
pub fn rows<'a, const N: usize>(csv: &'a str, header: &str) -> Vec<[&'a str; N]> {
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some(header));
    lines.map(|line| line.split(',').collect::<Vec<_>>().try_into().unwrap_or_else(|_| panic!("{line:?}"))).collect()
}

fn area_rows(csv: &str) -> BTreeMap<u16, String> {
    let code = |area: &str| area.parse::<AreaCode>().unwrap_or_else(|error| panic!("{error}")).as_u16();
    rows(csv, "area,province,cities")
        .iter()
        .map(|[area, province, cities]| (code(area), format!("{province},{cities}")))
        .collect()
}

/// The area code of every segment, 0 where there is none.
fn segment_areas(csv: &str, areas: &BTreeMap<u16, String>) -> Vec<u16> {
    let mut segments = vec![0; (LAST_SEGMENT - FIRST_SEGMENT + 1) as usize];
    for [from, to, area] in rows(csv, "from,to,area") {
        let place = |segment: &str| {
            let segment: u32 = segment.parse().expect(segment);
            assert!((FIRST_SEGMENT..=LAST_SEGMENT).contains(&segment), "segment {segment}");
            (segment - FIRST_SEGMENT) as usize
        };
        let code = area.parse::<AreaCode>().unwrap_or_else(|error| panic!("{error}")).as_u16();
        assert!(areas.contains_key(&code), "segments from {from}: area {area} has no row");
        for segment in &mut segments[place(from)..=place(to)] {
            assert_eq!(*segment, 0, "segments from {from} overlap others");
            *segment = code;
        }
    }
    segments
}

fn ranges(segments: &[u16]) -> (Vec<u32>, Vec<u8>, Vec<u16>) {
    let (mut blocks, mut starts, mut codes) = (Vec::new(), Vec::new(), Vec::new());
    for block in segments.chunks(256) {
        blocks.push(u32::try_from(starts.len()).expect("few ranges"));
        for (start, code) in (0..=u8::MAX).zip(block) {
            if start == 0 || codes.last() != Some(code) {
                starts.push(start);
                codes.push(*code);
            }
        }
    }
    assert_eq!(blocks.len(), BLOCKS);
    blocks.push(u32::try_from(starts.len()).expect("few ranges"));
    (blocks, starts, codes)
}
