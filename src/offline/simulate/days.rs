//! Stretches of instants cut into civil days: what a wall calendar on the office door would show.

use jiff::Timestamp;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;

use crate::domain::calendar::{Calendar, DayKind};

/// One civil day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Day {
    pub date: Date,
    pub kind: DayKind,
    pub line: DayLine,
}

/// The pieces of a day by the wall clock, in order of the instants.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DayLine(pub Vec<Piece>);

/// From one minute of the day until another, 1440 being its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Piece {
    pub from: u16,
    pub until: u16,
    /// Which of the timetable's ways.
    pub way: usize,
}

/// The days of `year` in `zone`, cut from `spans` (from, until, way), which are in order and without a gap. Where a clock
/// is put back a piece may begin before the one before it ends: the wall shows these minutes twice.
pub fn of_year(
    year: i16,
    zone: &TimeZone,
    calendar: Option<&Calendar>,
    spans: &[(Timestamp, Timestamp, usize)],
) -> Vec<Day> {
    let plain = Calendar::default();
    let calendar = calendar.unwrap_or(&plain);
    let mut days = Vec::with_capacity(366);
    let mut spans = spans.iter().peekable();
    for date in date(year, 1, 1).series(jiff::Span::new().days(1)).take_while(|date| date.year() == year) {
        let Some((begin, end)) = bounds(date, zone) else { continue };
        let mut pieces: Vec<Piece> = Vec::new();
        while let Some((from, until, way)) = spans.peek().copied().copied() {
            if from >= end {
                break;
            }
            let piece =
                Piece { from: minute(from.max(begin), date, zone), until: minute(until.min(end), date, zone), way };
            match pieces.last_mut() {
                Some(last) if last.way == way && last.until == piece.from => last.until = piece.until,
                _ => pieces.push(piece),
            }
            if until > end {
                break;
            }
            spans.next();
        }
        days.push(Day { date, kind: calendar.kind_of_day(date), line: DayLine(pieces) });
    }
    days
}

fn bounds(date: Date, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
    let midnight = |date: Date| date.to_zoned(zone.clone()).ok().map(|midnight| midnight.timestamp());
    Some((midnight(date)?, midnight(date.tomorrow().ok()?)?))
}

/// The minute of `date` that a wall clock shows at `at`; the midnight after it is its minute 1440.
fn minute(at: Timestamp, date: Date, zone: &TimeZone) -> u16 {
    let wall = zone.to_datetime(at);
    if wall.date() > date {
        return 24 * 60;
    }
    u16::try_from(i32::from(wall.hour()) * 60 + i32::from(wall.minute())).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::parse_zone;

    #[test]
    fn a_span_over_midnight_is_cut_there() {
        let zone = parse_zone("Asia/Shanghai").unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let spans = [
            (at("2026-01-01T00:00:00+08:00"), at("2026-01-01T22:00:00+08:00"), 0),
            (at("2026-01-01T22:00:00+08:00"), at("2026-01-02T02:00:00+08:00"), 1),
            (at("2026-01-02T02:00:00+08:00"), at("2027-01-01T00:00:00+08:00"), 0),
        ];
        let days = of_year(2026, &zone, None, &spans);
        let line = |index: usize| days[index].line.0.iter().map(|p| (p.from, p.until, p.way)).collect::<Vec<_>>();
        assert_eq!(line(0), [(0, 1320, 0), (1320, 1440, 1)]);
        assert_eq!(line(1), [(0, 120, 1), (120, 1440, 0)]);
        assert_eq!(line(364), [(0, 1440, 0)]);
    }

    #[test]
    fn a_leap_year_has_its_day_and_a_zone_with_clock_changes_whole_days() {
        let zone = parse_zone("Europe/Berlin").unwrap();
        let first = |year: i16| date(year, 1, 1).to_zoned(zone.clone()).unwrap().timestamp();
        let days = of_year(2028, &zone, None, &[(first(2028), first(2029), 0)]);
        assert_eq!(days.len(), 366);
        assert!(days.iter().all(|day| day.line.0 == [Piece { from: 0, until: 1440, way: 0 }]));
    }
}
