//! Areas (归属地): which local network a number belongs to, and the names of provinces and cities. Pure.
//!
//! The tables are `areas.bin`, packed from `data/` (layout in `packing.rs`) and taken apart by the compiler, so that
//! nothing is read or built when the process starts. A mobile segment is found by a jump to its block of 256 segments
//! and a binary search among the few ranges there.

use super::area_code::{Area, AreaCode};
use super::national::NationalNumber;

/// First and last 7-digit mobile segment that the tables have room for.
pub(super) const FIRST_SEGMENT: u32 = 1_300_000;
pub(super) const LAST_SEGMENT: u32 = 1_999_999;
/// Blocks of 256 segments.
pub(super) const BLOCKS: usize = ((LAST_SEGMENT - FIRST_SEGMENT) / 256 + 1) as usize;
/// Area codes without their 0 are below this.
pub(super) const CODES: usize = 1000;
/// The first bytes of the file; its last digit is the version of the layout.
pub(super) const MAGIC: [u8; 8] = *b"400AREA1";

static TABLES: Tables = match Tables::read(include_bytes!("areas.bin")) {
    Some(tables) => tables,
    None => Tables::NONE,
};
const _: () = assert!(Tables::read(include_bytes!("areas.bin")).is_some(), "areas.bin is damaged: pack it again");

/// `areas.bin`, section by section.
struct Tables {
    row_by_code: &'static [[u8; 2]],
    text_offsets: &'static [[u8; 2]],
    blocks: &'static [[u8; 4]],
    range_codes: &'static [[u8; 2]],
    range_starts: &'static [u8],
    text: &'static str,
}

impl Tables {
    const NONE: Self =
        Self { row_by_code: &[], text_offsets: &[], blocks: &[], range_codes: &[], range_starts: &[], text: "" };

    const fn read(bytes: &'static [u8]) -> Option<Self> {
        let Some((&MAGIC, bytes)) = bytes.split_first_chunk::<8>() else { return None };
        let Some((ranges, bytes)) = bytes.split_first_chunk::<4>() else { return None };
        let Some((rows, bytes)) = bytes.split_first_chunk::<4>() else { return None };
        let (ranges, rows) = (u32::from_le_bytes(*ranges) as usize, u32::from_le_bytes(*rows) as usize);
        let Some((row_by_code, bytes)) = bytes.split_at_checked(CODES * 2) else { return None };
        let Some((text_offsets, bytes)) = bytes.split_at_checked((rows + 1) * 2) else { return None };
        let Some((blocks, bytes)) = bytes.split_at_checked((BLOCKS + 1) * 4) else { return None };
        let Some((range_codes, bytes)) = bytes.split_at_checked(ranges * 2) else { return None };
        let Some((range_starts, text)) = bytes.split_at_checked(ranges) else { return None };
        let Ok(text) = std::str::from_utf8(text) else { return None };
        Some(Self {
            row_by_code: row_by_code.as_chunks().0,
            text_offsets: text_offsets.as_chunks().0,
            blocks: blocks.as_chunks().0,
            range_codes: range_codes.as_chunks().0,
            range_starts,
            text,
        })
    }

    fn code_of_segment(&self, segment: u32) -> Option<u16> {
        let place = segment.checked_sub(FIRST_SEGMENT).filter(|_| segment <= LAST_SEGMENT)?;
        let [block, start] = [place / 256, place % 256].map(|half| half as usize);
        let first = u32::from_le_bytes(*self.blocks.get(block)?) as usize;
        let end = u32::from_le_bytes(*self.blocks.get(block + 1)?) as usize;
        let starts = self.range_starts.get(first..end)?;
        let range = starts.partition_point(|begin| usize::from(*begin) <= start).checked_sub(1)?;
        Some(u16::from_le_bytes(*self.range_codes.get(first + range)?))
    }

    /// Province and cities of a code in use.
    fn names(&self, code: AreaCode) -> Option<(&'static str, &'static str)> {
        let row = usize::from(u16::from_le_bytes(*self.row_by_code.get(usize::from(code.as_u16()))?)).checked_sub(1)?;
        let offset = |row: usize| self.text_offsets.get(row).map(|offset| usize::from(u16::from_le_bytes(*offset)));
        self.text.get(offset(row)?..offset(row + 1)?)?.split_once(',')
    }

    fn is_in_use(&self, code: AreaCode) -> bool {
        self.row_by_code.get(usize::from(code.as_u16())).is_some_and(|row| *row != [0, 0])
    }
}

/// The area of a mobile segment: the first seven digits of a mobile number, 1300000 to 1999999. A segment newer than
/// the tables is unknown. Numbers are ported between carriers only within their local network, so the area stays.
#[must_use]
pub fn area_of_mobile_segment(segment: u32) -> Area {
    TABLES.code_of_segment(segment).and_then(AreaCode::from_u16).into()
}

/// The area whose code digits with their leading `0` begin with, whatever follows. Unknown when the code is not in
/// use.
#[must_use]
pub fn area_of_fixed(digits: &str) -> Area {
    AreaCode::split(digits).map(|(code, _)| code).filter(|code| is_in_use(*code)).into()
}

/// The area of a number in national form: of a mobile number by its segment, else by its area code. More digits than
/// a mobile number has are let pass, as switches append extensions; fewer are not, as they may be anything.
#[must_use]
pub fn area_of(number: NationalNumber) -> Area {
    let digits = number.as_str();
    if !digits.starts_with('1') {
        return area_of_fixed(digits);
    }
    let segment = digits.get(..7).filter(|_| digits.len() >= 11).and_then(|segment| segment.parse().ok());
    segment.map_or(Area::Unknown, area_of_mobile_segment)
}

/// Whether the tables list an area code.
#[must_use]
pub fn is_in_use(code: AreaCode) -> bool {
    TABLES.is_in_use(code)
}

/// The province of an area code: `广东`. `None` when the code is not in use.
#[must_use]
pub fn province(code: AreaCode) -> Option<&'static str> {
    TABLES.names(code).map(|(province, _)| province)
}

/// The cities that share an area code, since one local network may serve several: `抚顺`, `本溪`, `沈阳`, `铁岭`.
pub fn cities(code: AreaCode) -> impl Iterator<Item = &'static str> {
    TABLES.names(code).into_iter().flat_map(|(_, cities)| cities.split('/'))
}

/// Every area code in use, ascending.
pub fn in_use() -> impl Iterator<Item = AreaCode> {
    (0..=999).filter_map(AreaCode::from_u16).filter(|code| is_in_use(*code))
}

#[cfg(test)]
mod tests;
