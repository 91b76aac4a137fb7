use std::fs;
use std::time::{Duration, SystemTime};

use prometheus::{Counter, IntGauge, Registry};

/// What the process takes of the machine, under the names that every Prometheus client gives it. Where there is no `/proc` all but
/// the start stay at 0.
pub(crate) struct ProcessMetrics {
    cpu: Counter,
    resident: IntGauge,
    threads: IntGauge,
    files: IntGauge,
}

impl ProcessMetrics {
    pub(crate) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let gauge = |name, help| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            prometheus::Result::Ok(gauge)
        };
        let cpu = Counter::new("process_cpu_seconds_total", "Time on processors, in seconds.")?;
        registry.register(Box::new(cpu.clone()))?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        gauge("process_start_time_seconds", "When it started, in seconds since 1970.")?.set(seconds(now));
        gauge("process_max_fds", "Files that may be open.")?.set(max_files());
        Ok(Self {
            cpu,
            resident: gauge("process_resident_memory_bytes", "Memory that is in use.")?,
            threads: gauge("process_threads", "Threads.")?,
            files: gauge("process_open_fds", "Files that are open.")?,
        })
    }

    /// Reads how things stand.
    pub(crate) fn read(&self) {
        if let Some(Usage { cpu, resident, threads }) =
            fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(usage)
        {
            self.cpu.inc_by((cpu.as_secs_f64() - self.cpu.get()).max(0.0));
            self.resident.set(resident);
            self.threads.set(threads);
        }
        if let Ok(files) = fs::read_dir("/proc/self/fd") {
            self.files.set(files.count().try_into().unwrap_or(i64::MAX));
        }
    }
}

fn seconds(time: Duration) -> i64 {
    time.as_secs().try_into().unwrap_or(i64::MAX)
}

struct Usage {
    cpu: Duration,
    resident: i64,
    threads: i64,
}

/// Reads a line of `/proc/PID/stat` (`man 5 proc`). The name, in parentheses, may hold anything.
fn usage(stat: &str) -> Option<Usage> {
    let (_, rest) = stat.rsplit_once(')')?;
    // The first of them is field 3.
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    let ticks = field(14)? + field(15)?;
    let (per_second, page) = units();
    Some(Usage {
        cpu: Duration::from_millis(ticks * 1_000 / per_second),
        threads: field(20)?.try_into().ok()?,
        resident: (field(24)? * page).try_into().ok()?,
    })
}

/// Ticks of the clock in a second, and bytes of a page.
#[cfg(target_os = "linux")]
fn units() -> (u64, u64) {
    (rustix::param::clock_ticks_per_second().max(1), rustix::param::page_size() as u64)
}

#[cfg(not(target_os = "linux"))]
fn units() -> (u64, u64) {
    (100, 4_096)
}

#[cfg(target_os = "linux")]
fn max_files() -> i64 {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    limit.and_then(|limit| limit.try_into().ok()).unwrap_or(i64::MAX)
}

#[cfg(not(target_os = "linux"))]
fn max_files() -> i64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_looks_like_fields_is_none() {
        let stat =
            "7 (a) b 1 2) S 1 7 7 0 -1 4194560 900 0 1 0 250 50 0 0 20 0 9 0 1234 600000 321 18446744073709551615";
        let Usage { cpu, resident, threads } = usage(stat).unwrap();
        let (per_second, page) = units();
        assert_eq!(cpu, Duration::from_millis(300_000 / per_second));
        assert_eq!((threads, resident.unsigned_abs()), (9, 321 * page));
        for broken in ["", "7 (a) S", "7 (a) S 1 7 7 0 -1 4194560 900 0 1 0 x 50 0 0 20 0 9 0 1234 600000 321"] {
            assert!(usage(broken).is_none());
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_takes_something() {
        let metrics = ProcessMetrics::new(&Registry::new()).unwrap();
        metrics.read();
        assert!(metrics.resident.get() > 1_000_000 && metrics.threads.get() > 0 && metrics.files.get() > 2);
    }
}
