//! A kind's objects as kubectl's table: the columns of its definition, in its order, aligned. Pure.

use jiff::Timestamp;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceColumnDefinition, CustomResourceDefinition,
};
use serde_json::Value;

use super::json_path;

/// Between two columns.
const GAP: usize = 3;
/// What kubectl prints where there is no date.
const UNKNOWN: &str = "<unknown>";

/// What a table shows besides the columns.
#[derive(Debug)]
pub(super) struct Table<'a> {
    pub(super) crd: &'a CustomResourceDefinition,
    /// Columns of lower priority too.
    pub(super) wide: bool,
    pub(super) with_namespace: bool,
    /// Names are written with their kind, since tables of several kinds follow each other.
    pub(super) with_kind: bool,
}

impl Table<'_> {
    /// The table, header first, each line ended.
    pub(super) fn print(&self, objects: &[Value], now: Timestamp) -> String {
        let columns = self.columns();
        let mut header = Vec::new();
        let namespaced = self.with_namespace && self.crd.spec.scope == "Namespaced";
        if namespaced {
            header.push("NAMESPACE".to_owned());
        }
        header.push("NAME".to_owned());
        header.extend(columns.iter().map(|column| column.name.to_uppercase()));
        let mut rows = vec![header];
        for object in objects {
            let text = |field| metadata(object, field);
            let mut row = Vec::new();
            if namespaced {
                row.push(text("namespace"));
            }
            let name = text("name");
            row.push(if self.with_kind { format!("{}/{name}", qualified(self.crd)) } else { name });
            row.extend(columns.iter().map(|column| cell(column, object, now)));
            rows.push(row);
        }
        aligned(&rows)
    }

    fn columns(&self) -> Vec<&CustomResourceColumnDefinition> {
        let of_version = self.crd.spec.versions.iter().flat_map(|version| version.additional_printer_columns.iter());
        of_version.flatten().filter(|column| self.wide || column.priority.unwrap_or(0) == 0).collect()
    }
}

/// `callgateway.fourhundred.io`
pub(super) fn qualified(crd: &CustomResourceDefinition) -> String {
    let singular = crd.spec.names.singular.as_deref().unwrap_or_default();
    format!("{singular}.{}", crd.spec.group)
}

/// A text of `metadata`; empty where there is none.
pub(super) fn metadata(object: &Value, field: &str) -> String {
    object.get("metadata").and_then(|metadata| metadata.get(field)?.as_str()).unwrap_or_default().to_owned()
}

fn cell(column: &CustomResourceColumnDefinition, object: &Value, now: Timestamp) -> String {
    let value = json_path::find(&column.json_path, object);
    if column.type_ == "date" {
        let instant = value.and_then(Value::as_str).and_then(|text| text.parse::<Timestamp>().ok());
        return instant.map_or_else(|| UNKNOWN.to_owned(), |instant| age(now.as_second() - instant.as_second()));
    }
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        // kubectl prints a list as JSON.
        Some(other) => other.to_string(),
    }
}

/// A span as kubectl shortens it (apimachinery's `HumanDuration`).
fn age(seconds: i64) -> String {
    let two = |large: i64, unit: char, small: i64, small_unit: char| match small {
        0 => format!("{large}{unit}"),
        _ => format!("{large}{unit}{small}{small_unit}"),
    };
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match seconds {
        i64::MIN..=-2 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        _ if seconds < 120 => format!("{seconds}s"),
        _ if minutes < 10 => two(minutes, 'm', seconds % 60, 's'),
        _ if minutes < 180 => format!("{minutes}m"),
        _ if hours < 8 => two(hours, 'h', minutes % 60, 'm'),
        _ if hours < 48 => format!("{hours}h"),
        _ if hours < 192 => two(days, 'd', hours % 24, 'h'),
        _ if days < 730 => format!("{days}d"),
        _ if days < 2920 => two(days / 365, 'y', days % 365, 'd'),
        _ => format!("{}y", days / 365),
    }
}

fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width_of = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width_of).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width - cell.chars().count() + GAP));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::crds;
    use serde_json::json;

    #[test]
    fn ages_are_shortened_as_kubectl_does() {
        let cases = [
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (185, "3m5s"),
            (10 * 60, "10m"),
            (3 * 3600, "3h"),
            (3 * 3600 + 120, "3h2m"),
            (47 * 3600, "47h"),
            (50 * 3600, "2d2h"),
            (40 * 86400, "40d"),
            (800 * 86400, "2y70d"),
            (-5, "<invalid>"),
        ];
        for (seconds, shown) in cases {
            assert_eq!(age(seconds), shown, "{seconds}");
        }
    }

    #[test]
    fn a_table_has_the_columns_of_the_definition_in_their_order() {
        let crd = crds::all().into_iter().find(|crd| crd.spec.names.kind == "NumberPool").unwrap();
        let pool = json!({"metadata": {"name": "mobile-4001", "creationTimestamp": "2026-11-01T00:00:00Z"},
            "spec": {"carrier": "ChinaMobile"}, "status": {"size": 10, "free": 7, "claimed": 2, "cooling": 1}});
        let table = Table { crd: &crd, wide: false, with_namespace: true, with_kind: false };
        let now = "2026-11-01T00:01:30Z".parse().unwrap();
        let expected = "\
NAME          SIZE   FREE   CLAIMED   COOLING   AGE
mobile-4001   10     7      2         1         90s
";
        assert_eq!(table.print(&[pool], now), expected);
    }
}
