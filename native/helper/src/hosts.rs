//! A marked block in /etc/hosts, for machines without a resolver service. Other lines are never touched.
use std::fs;
use std::io::{self, Write};
use std::path::Path;

pub const PATH: &str = "/etc/hosts";

fn marks(adapter: &str) -> (String, String) {
    (format!("# weft:{adapter} begin"), format!("# weft:{adapter} end"))
}

/// The text with this adapter's block replaced; no entries removes it.
pub fn edited(text: &str, adapter: &str, entries: &[(String, String)]) -> String {
    let (begin, end) = marks(adapter);
    let mut lines = Vec::new();
    let mut inside = false;
    let closed = text.lines().any(|line| line == end);
    for line in text.lines() {
        if line == begin && closed {
            inside = true;
        } else if line == end {
            inside = false;
        } else if !inside && line != begin {
            lines.push(line.to_owned());
        }
    }
    if !entries.is_empty() {
        lines.push(begin);
        lines.extend(entries.iter().map(|(address, name)| format!("{address}\t{name}")));
        lines.push(end);
    }
    let mut out = lines.join("\n");
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

/// Replaces the block. Written beside and renamed; where /etc/hosts is a mount (containers) it is rewritten in place.
pub fn write(path: &Path, adapter: &str, entries: &[(String, String)]) -> io::Result<()> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let new = edited(&text, adapter, entries);
    if new == text {
        return Ok(());
    }
    let draft = path.with_extension("weft-new");
    let renamed = fs::write(&draft, &new)
        .and_then(|()| fs::set_permissions(&draft, fs::metadata(path)?.permissions()))
        .and_then(|()| fs::rename(&draft, path));
    if renamed.is_ok() {
        return Ok(());
    }
    let _ = fs::remove_file(&draft);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)?;
    file.write_all(new.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::edited;

    fn entries(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|&(a, n)| (a.into(), n.into())).collect()
    }

    #[test]
    fn replaces_only_its_own_block() {
        let start = "127.0.0.1 localhost\n# mine\n";
        let one = edited(start, "weft0", &entries(&[("10.1.2.3", "anna.home.weft")]));
        let two = edited(&one, "weft1", &entries(&[("10.9.2.3", "anna.club.weft")]));
        let three = edited(&two, "weft0", &entries(&[("10.1.2.4", "ben.home.weft")]));
        assert!(three.starts_with(start));
        assert!(three.contains("10.1.2.4\tben.home.weft") && !three.contains("10.1.2.3"));
        assert!(three.contains("10.9.2.3\tanna.club.weft"));
        assert_eq!(edited(&edited(&three, "weft0", &[]), "weft1", &[]), start);
    }

    #[test]
    fn keeps_everything_when_a_mark_is_missing() {
        let broken = "# weft:weft0 begin\n10.0.0.1 important\n";
        assert!(edited(broken, "weft0", &[]).contains("important"));
    }
}
