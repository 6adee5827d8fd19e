//! `fourhundred explain-number`: how a phone number is read, step by step.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::output::{Output, end_with_data};
use crate::domain::numbering::{
    Area, Caller, Destination, FourHundred, LineClass, areas, carriers, normalise_explained,
};

const EXAMPLES: &str = "\
EXAMPLES
  fourhundred explain-number '+86 138 0013 8000'
  fourhundred explain-number 010-88880001 --output json

Exit code: 0 explained, 2 the question was wrong.";

/// Arguments of `explain-number`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The number, as people write it
    #[arg(value_name = "NUMBER")]
    pub number: String,
    /// Form of the output
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Output,
}

/// What is known of a number from its digits alone.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Explanation {
    steps: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    national: Option<String>,
    class: &'static str,
    area: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    province: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuing_carrier: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_a_destination: Option<String>,
}

/// Explains.
pub fn run(arguments: &Arguments) -> ExitCode {
    let explanation = explain(&arguments.number);
    end_with_data(arguments.output, &explanation, || text(&explanation), ExitCode::SUCCESS)
}

fn text(explanation: &Explanation) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let mut line = |what: &str, said: &str| {
        let _ = writeln!(text, "{what:<9} {said}");
    };
    for step in &explanation.steps {
        line("step", step);
    }
    line("national", explanation.national.as_deref().unwrap_or("none: no number in it"));
    line("class", explanation.class);
    let province = explanation.province.map(|province| format!(" ({province})")).unwrap_or_default();
    line("area", &format!("{}{province}", explanation.area));
    if let Some(carrier) = &explanation.issuing_carrier {
        line("carrier", &carrier_line(carrier, explanation.class));
    }
    if let Some(why) = &explanation.not_a_destination {
        line("note", &format!("no destination: {why}"));
    }
    text
}

/// Only mobile numbers move with their subscribers; a 400 number's prefix is its carrier's for good.
fn carrier_line(carrier: &str, class: &str) -> String {
    match class {
        "mobile" => format!("{carrier} issued it; since number portability the subscriber may be with another"),
        _ => format!("{carrier}, whose prefix it has"),
    }
}

fn explain(text: &str) -> Explanation {
    let (national, steps) = normalise_explained(text);
    let national = national.ok();
    let destination = Destination::parse(text);
    let four_hundred = FourHundred::from_called(text);
    let area = Caller::parse(text).area();
    let class = match (&four_hundred, &destination) {
        (Some(_), _) => "400 number",
        (None, Ok(destination)) if destination.class() == LineClass::Mobile => "mobile",
        (None, Ok(_)) => "fixed line",
        (None, Err(_)) if national.is_some_and(|n| n.as_str().starts_with("00")) => "overseas",
        (None, Err(_)) => "other",
    };
    let mobile = national.filter(|_| class == "mobile");
    let issuing = mobile.and_then(|number| carriers::issuing_carrier(number.as_str()));
    Explanation {
        steps: steps.iter().map(ToString::to_string).collect(),
        national: national.map(|number| number.as_str().to_owned()),
        class,
        area: area.to_string(),
        province: match area {
            Area::Known(code) => areas::province(code),
            Area::Unknown => None,
        },
        issuing_carrier: four_hundred.and_then(FourHundred::carrier).or(issuing).map(|carrier| format!("{carrier:?}")),
        not_a_destination: destination.err().map(|error| error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mobile_is_told_with_its_area_and_issuing_carrier() {
        let told = explain("+86 138 0013 8000");
        assert_eq!((told.national.as_deref(), told.class), (Some("13800138000"), "mobile"));
        assert_eq!((told.area.as_str(), told.province), ("010", Some("北京")));
        assert_eq!(told.issuing_carrier.as_deref(), Some("ChinaMobile"));
        assert!(!told.steps.is_empty() && told.not_a_destination.is_none());
    }

    #[test]
    fn a_400_number_is_no_destination() {
        let told = explain("4001-000-868");
        assert_eq!((told.class, told.issuing_carrier.as_deref()), ("400 number", Some("ChinaMobile")));
        assert!(told.not_a_destination.is_some());
        assert_eq!(carrier_line("ChinaMobile", told.class), "ChinaMobile, whose prefix it has");
        assert!(carrier_line("ChinaMobile", "mobile").contains("portability"));
    }
}
