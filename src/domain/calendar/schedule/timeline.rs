//! The tables a schedule is asked by: for each sort of civil day, which period holds from which minute on.
//!
//! Ranges without dates repeat by the class of a day and of the day before; ranges with dates hold for stretches of
//! days. Both come down to a short sorted list of minutes, so that an answer costs two small binary searches at most.

use std::collections::BTreeSet;

use super::super::holidays::{Calendar, DayStatus};
use super::super::time::{CivilDay, DAY_MINUTES, Wall};
use super::rules::{DayClass, Owners, Rank, Rule};

/// A range's claim on one civil day.
struct Claim {
    from: u16,
    end: u16,
    rank: Rank,
    period: u16,
}

impl Claim {
    fn of_own_day(rule: &Rule, rank: Rank) -> Self {
        Self { from: rule.from, end: rule.end.min(DAY_MINUTES), rank, period: rule.period }
    }

    fn of_next_day(rule: &Rule, rank: Rank) -> Option<Self> {
        rule.spills().then(|| Self { from: 0, end: rule.end - DAY_MINUTES, rank, period: rule.period })
    }
}

/// One civil day: the period from each minute until the next, `None` where no range holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct DayLine(Box<[(u16, Option<u16>)]>);

impl DayLine {
    fn of(claims: &[Claim]) -> Self {
        let edges: BTreeSet<u16> =
            claims.iter().flat_map(|claim| [claim.from, claim.end]).filter(|&edge| edge < DAY_MINUTES).collect();
        let mut pieces: Vec<(u16, Option<u16>)> = Vec::new();
        for edge in edges {
            let covering = claims.iter().filter(|claim| claim.from <= edge && edge < claim.end);
            let period = covering.min_by_key(|claim| claim.rank).map(|claim| claim.period);
            if pieces.last().and_then(|&(_, before)| before) != period {
                pieces.push((edge, period));
            }
        }
        Self(pieces.into())
    }

    fn at(&self, minute: u16) -> Option<u16> {
        let after = self.0.partition_point(|&(from, _)| from <= minute);
        self.0.get(after.checked_sub(1)?)?.1
    }

    fn next_edge(&self, minute: u16) -> Option<u16> {
        self.0.get(self.0.partition_point(|&(from, _)| from <= minute)).map(|&(from, _)| from)
    }
}

/// Ranges owned by days of the week and of the calendar.
#[derive(Debug, Clone)]
pub struct Weekly {
    calendar: Calendar,
    /// Each distinct day once; most of the classes look alike.
    lines: Box<[DayLine]>,
    /// Index into `lines` by weekday, status of the day, status of the day before.
    line_of: Box<[u8]>,
}

const STATUSES: [DayStatus; 3] = [DayStatus::Ordinary, DayStatus::MakeUp, DayStatus::Off];

impl Weekly {
    pub fn of(rules: &[Rule], calendar: Calendar) -> Self {
        let mut lines: Vec<DayLine> = Vec::new();
        let mut line_of = Vec::with_capacity(7 * STATUSES.len() * STATUSES.len());
        for weekday in 0..7 {
            for (status, before) in STATUSES.into_iter().flat_map(|status| STATUSES.map(|before| (status, before))) {
                let line = Self::line(
                    rules,
                    DayClass { weekday, status },
                    DayClass { weekday: (weekday + 6) % 7, status: before },
                );
                let index = lines.iter().position(|known| *known == line).unwrap_or_else(|| {
                    lines.push(line);
                    lines.len() - 1
                });
                line_of.push(u8::try_from(index).unwrap_or_default());
            }
        }
        Self { calendar, lines: lines.into(), line_of: line_of.into() }
    }

    fn line(rules: &[Rule], today: DayClass, yesterday: DayClass) -> DayLine {
        let claims: Vec<Claim> = rules
            .iter()
            .flat_map(|rule| {
                let own = rule.rank_by_day(today).map(|rank| Claim::of_own_day(rule, rank));
                own.into_iter().chain(rule.rank_by_day(yesterday).and_then(|rank| Claim::of_next_day(rule, rank)))
            })
            .collect();
        DayLine::of(&claims)
    }

    fn line_on(&self, day: CivilDay) -> Option<&DayLine> {
        let (status, before) = (self.calendar.status(day), self.calendar.status(day.plus(-1)));
        let index = (usize::from(day.weekday()) * STATUSES.len() + status as usize) * STATUSES.len() + before as usize;
        self.lines.get(usize::from(*self.line_of.get(index)?))
    }

    pub fn at(&self, wall: Wall) -> Option<u16> {
        self.line_on(wall.day)?.at(wall.minute)
    }

    pub fn next_edge(&self, wall: Wall) -> Option<u16> {
        self.line_on(wall.day)?.next_edge(wall.minute)
    }

    /// From this day on one week is like another.
    pub fn end(&self) -> CivilDay {
        // The last listed day still owns what runs past its midnight.
        self.calendar.end().plus(1)
    }
}

/// Ranges owned by dates.
#[derive(Debug, Clone)]
pub struct Dated {
    /// First day of each stretch of days that look alike, ascending; the last one is empty and has no end.
    stretches: Box<[(CivilDay, DayLine)]>,
}

impl Dated {
    pub fn of(rules: &[Rule]) -> Self {
        let mut firsts: BTreeSet<CivilDay> = BTreeSet::new();
        for rule in rules {
            if let Owners::Dates { first, last } = rule.owners {
                firsts.extend([first, last.plus(1)]);
                if rule.spills() {
                    firsts.extend([first.plus(1), last.plus(2)]);
                }
            }
        }
        let line = |day: CivilDay| {
            let own = rules.iter().filter(|rule| rule.starts_by_date(day));
            let spilled = rules.iter().filter(|rule| rule.starts_by_date(day.plus(-1)));
            let claims: Vec<Claim> = own
                .map(|rule| Claim::of_own_day(rule, Rank::Dates))
                .chain(spilled.filter_map(|rule| Claim::of_next_day(rule, Rank::Dates)))
                .collect();
            DayLine::of(&claims)
        };
        Self { stretches: firsts.into_iter().map(|first| (first, line(first))).collect() }
    }

    fn line_on(&self, day: CivilDay) -> Option<&DayLine> {
        let after = self.stretches.partition_point(|&(first, _)| first <= day);
        self.stretches.get(after.checked_sub(1)?).map(|(_, line)| line)
    }

    pub fn at(&self, wall: Wall) -> Option<u16> {
        self.line_on(wall.day)?.at(wall.minute)
    }

    pub fn next_edge(&self, wall: Wall) -> Option<u16> {
        self.line_on(wall.day)?.next_edge(wall.minute)
    }

    /// From this day on no date is named.
    pub fn end(&self) -> CivilDay {
        self.stretches.last().map_or(CivilDay::FIRST, |&(first, _)| first)
    }
}
