//! How much memory there is, and whether a computation fits.

use crate::failure::Failure;

/// Memory that a program may take without pushing others out, bytes; `None` where the system does not say.
fn available() -> Option<u64> {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let machine = read("/proc/meminfo").and_then(|text| of_meminfo(&text));
    let group = || {
        let file = |name: &str| read(&format!("/sys/fs/cgroup/{name}"));
        of_group(&file("memory.max")?, &file("memory.current")?, &file("memory.stat")?)
    };
    machine.into_iter().chain(group()).min()
}

/// What a container's limit leaves (control groups, version 2); files that it has read and can drop are not in use.
fn of_group(most: &str, current: &str, stat: &str) -> Option<u64> {
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let dropped = stat.lines().find_map(|line| line.strip_prefix("inactive_file ")).and_then(number);
    let used = number(current)?.saturating_sub(dropped.unwrap_or(0));
    Some(number(most)?.saturating_sub(used))
}

fn of_meminfo(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

/// The limit that was asked for, else what is there.
pub fn limit(asked: Option<u64>) -> u64 {
    asked.or_else(available).unwrap_or(u64::MAX)
}

/// Refuses an array for which `bytes(rows, columns)` are more than the limit, with the numbers and what would fit.
pub fn check(
    [rows, columns]: [usize; 2],
    asked: Option<u64>,
    bytes: impl Fn(usize, usize) -> u64,
    less: &str,
) -> Result<(), Failure> {
    let (need, limit) = (bytes(rows, columns), limit(asked));
    if need <= limit {
        return Ok(());
    }
    // Of the same proportions; memory grows faster than with the number of cells, which bounds the search.
    let scaled = |s: f64| [rows, columns].map(|n| ((n as f64 * s) as usize).max(1));
    let (mut low, mut high) = (0.0, (limit as f64 / need as f64).sqrt().min(1.0));
    for _ in 0..12 {
        let middle = (low + high) / 2.0;
        let [m, n] = scaled(middle);
        if bytes(m, n) <= limit { low = middle } else { high = middle }
    }
    let [m, n] = scaled(low);
    let there = match asked {
        Some(_) => format!("--max-memory allows {}", shown(limit)),
        None => format!("{} are available", shown(limit)),
    };
    let message =
        format!("an array of {rows} x {columns} cells needs {} of memory, and {there}", shown(need));
    let fits = if bytes(m, n) <= limit {
        format!("about {m} x {n} cells fit{less}")
    } else {
        format!("no array fits{less}")
    };
    Err(Failure::request(message).help(fits))
}

/// `3.2 GB`.
pub fn shown(bytes: u64) -> String {
    let units = [("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)];
    match units.into_iter().find(|(_, unit)| bytes as f64 >= *unit) {
        Some((name, unit)) => format!("{:.1} {name}", bytes as f64 / unit),
        None => format!("{bytes} B"),
    }
}

/// `500MB`, `1.5 GB`, `4GiB`, or a number of bytes.
pub fn bytes(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no amount of memory: write it such as 500MB, 4GB or 4GiB");
    let trimmed = text.trim();
    let end = trimmed.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(trimmed.len());
    let number: f64 = trimmed[..end].trim().parse().map_err(|_| wrong())?;
    let unit = match trimmed[end..].to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        "tb" => 1e12,
        "kib" => 1024.0,
        "mib" => 1024.0 * 1024.0,
        "gib" => 1024.0 * 1024.0 * 1024.0,
        "tib" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return Err(wrong()),
    };
    let value = number * unit;
    if (1.0..1e18).contains(&value) { Ok(value as u64) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_leaves_its_limit_less_what_is_used_and_not_droppable() {
        let stat = "anon 300\ninactive_file 200\nactive_file 10\n";
        assert_eq!(of_group("1000\n", "600\n", stat), Some(600));
        assert_eq!(of_group("1000\n", "600\n", "anon 300\n"), Some(400));
        assert_eq!(of_group("100\n", "600\n", stat), Some(0));
        assert_eq!(of_group("max\n", "600\n", stat), None);
    }

    #[test]
    fn amounts_are_read_and_shown() {
        assert_eq!(bytes("500MB"), Ok(500_000_000));
        assert_eq!(bytes(" 1.5 GB"), Ok(1_500_000_000));
        assert_eq!(bytes("2GiB"), Ok(1 << 31));
        assert_eq!(bytes("4096"), Ok(4096));
        for wrong in ["", "GB", "-1GB", "4 apples", "nan", "0", "inf", "1e99"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
        assert_eq!((shown(999).as_str(), shown(3_240_000_000).as_str()), ("999 B", "3.2 GB"));
    }

    #[test]
    fn the_system_says_what_is_available() {
        let text = "MemTotal:       24684092 kB\nMemFree: 1 kB\nMemAvailable:   24121580 kB\n";
        assert_eq!(of_meminfo(text), Some(24_121_580 * 1024));
        assert_eq!(of_meminfo("MemTotal: 1 kB\n"), None);
    }

    #[test]
    fn a_refusal_says_what_would_fit() {
        let square = |m: usize, n: usize| 8 * (m * n) as u64;
        assert!(check([100, 50], Some(40_000), square, "").is_ok());
        let failure = check([100, 50], Some(10_000), square, "").unwrap_err();
        let said = failure.shown(false, 200).unwrap();
        assert!(said.contains("40.0 kB") && said.contains("10.0 kB"), "{said}");
        assert!(
            said.contains("about 49 x 24 cells fit") || said.contains("about 50 x 25 cells fit"),
            "{said}"
        );
    }
}
