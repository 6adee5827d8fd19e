//! Exact fractions for tests: how somebody would reckon who knows nothing of the rating.

/// A number as it is.
#[derive(Debug, Clone, Copy)]
pub struct Fraction {
    pub over: i128,
    pub under: i128,
}

impl Fraction {
    pub fn whole(number: i128) -> Self {
        Self { over: number, under: 1 }
    }

    /// `0.12`
    pub fn decimal(text: &str) -> Self {
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let under = 10_i128.pow(u32::try_from(part.len()).unwrap());
        Self { over: format!("{whole}{part}").parse().unwrap(), under }
    }

    pub fn plus(self, other: Self) -> Self {
        Self { over: self.over * other.under + other.over * self.under, under: self.under * other.under }
    }

    pub fn times(self, other: Self) -> Self {
        Self { over: self.over * other.over, under: self.under * other.under }
    }

    pub fn inverted(self) -> Self {
        Self { over: self.under, under: self.over }
    }

    pub fn is_below(self, other: Self) -> bool {
        self.over * other.under < other.over * self.under
    }

    /// By searching the whole millionth around the fraction, not by dividing with a remainder.
    pub fn rounded(self, mode: &str) -> i128 {
        let (mut below, mut above) = (-1_i128, self.over + 1);
        while above - below > 1 {
            let middle = below + (above - below) / 2;
            if middle * self.under <= self.over { below = middle } else { above = middle }
        }
        let twice_beyond = 2 * (self.over - below * self.under);
        let goes_up = match mode {
            "Up" => twice_beyond > 0,
            "HalfUp" => twice_beyond >= self.under,
            "HalfEven" => twice_beyond > self.under || (twice_beyond == self.under && below % 2 == 1),
            other => unreachable!("{other}"),
        };
        below + i128::from(goes_up)
    }
}
