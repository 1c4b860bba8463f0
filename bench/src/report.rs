//! The table.

use std::fmt::Write as _;

/// One line of it.
pub struct Row {
    work: String,
    measured: String,
    limit: String,
    figure: String,
    floor: String,
    passed: Option<bool>,
}

impl Row {
    /// A ratio that must reach `floor`.
    pub fn at_least(work: &str, measured: String, limit: String, ratio: f64, floor: f64) -> Self {
        Self {
            work: work.to_owned(),
            measured,
            limit,
            figure: format!("{ratio:.2}"),
            floor: format!("≥ {floor}"),
            passed: Some(ratio >= floor),
        }
    }

    /// A figure that must stay within `ceiling`.
    pub fn at_most(
        work: &str,
        measured: String,
        limit: String,
        figure: f64,
        ceiling: f64,
        unit: &str,
    ) -> Self {
        Self {
            work: work.to_owned(),
            measured,
            limit,
            figure: format!("{figure:.2} {unit}"),
            floor: format!("≤ {ceiling} {unit}"),
            passed: Some(figure <= ceiling),
        }
    }

    /// A ratio that nothing is asked of.
    pub fn shown(work: &str, measured: String, limit: String, ratio: f64) -> Self {
        Self {
            work: work.to_owned(),
            measured,
            limit,
            figure: format!("{ratio:.2}"),
            floor: String::new(),
            passed: None,
        }
    }

    /// Something that is true or not.
    pub fn fact(work: &str, measured: String, passed: bool) -> Self {
        Self {
            work: work.to_owned(),
            measured,
            limit: String::new(),
            figure: String::new(),
            floor: "exact".to_owned(),
            passed: Some(passed),
        }
    }
}

/// All lines, the checks of the measurement itself, and the CPU it took.
#[derive(Default)]
pub struct Report {
    rows: Vec<Row>,
    checks: Vec<String>,
    failed: usize,
    server_cpu: f64,
    driver_cpu: f64,
}

impl Report {
    pub fn add(&mut self, row: Row) {
        self.failed += usize::from(row.passed == Some(false));
        println!("{}", line(&row));
        self.rows.push(row);
    }

    /// Adds CPU seconds of the servers and of the driver.
    pub fn driver(&mut self, server: f64, driver: f64) {
        self.server_cpu += server;
        self.driver_cpu += driver;
    }

    /// A condition without which the figures mean nothing.
    pub fn check(&mut self, what: &str, holds: bool, otherwise: &str) {
        let text =
            if holds { format!("{what}: yes") } else { format!("{what}: **no** ({})", otherwise.trim()) };
        self.failed += usize::from(!holds);
        println!("{text}");
        self.checks.push(text);
    }

    pub fn failed(&self) -> usize {
        self.failed
    }

    /// The file for `bench/results`.
    pub fn markdown(&self, facts: &[(&str, String)]) -> String {
        let mut out = String::from("# Bench\n\n");
        for (name, value) in facts {
            let _ = writeln!(out, "- {name}: {value}");
        }
        let _ = writeln!(
            out,
            "- CPU while measuring under load: servers {:.1} s, driver {:.1} s ({:.0} % of both)",
            self.server_cpu,
            self.driver_cpu,
            100.0 * self.driver_cpu / (self.server_cpu + self.driver_cpu).max(f64::MIN_POSITIVE)
        );
        for check in &self.checks {
            let _ = writeln!(out, "- {check}");
        }
        out.push_str("\n| work | Holdfast | limit | figure | asked | |\n|---|---|---|---|---|---|\n");
        for row in &self.rows {
            let _ = writeln!(out, "{}", line(row));
        }
        out
    }
}

fn line(row: &Row) -> String {
    let passed = match row.passed {
        Some(true) => "pass",
        Some(false) => "**fail**",
        None => "",
    };
    format!("| {} | {} | {} | {} | {} | {passed} |", row.work, row.measured, row.limit, row.figure, row.floor)
}
