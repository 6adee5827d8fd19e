//! Long expected output, kept in files: `tests/golden/`.

use super::manifests;

/// Panics with the first difference to the file; with `UPDATE_GOLDEN=1` set, writes the file instead.
pub fn same(file: &str, text: &str) {
    let path = manifests::path("tests/golden").join(file);
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let difference = expected.lines().zip(text.lines()).enumerate().find(|(_, (expected, line))| expected != line);
    if let Some((at, (expected, line))) = difference {
        let at = at + 1;
        panic!("{file}:{at} differs (UPDATE_GOLDEN=1 writes it again)\nexpected: {expected}\nnow:      {line}");
    }
    let (expected, lines) = (expected.lines().count(), text.lines().count());
    assert_eq!(expected, lines, "{file} has another length (UPDATE_GOLDEN=1 writes it again)");
}
