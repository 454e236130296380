//! Measures anyhost and its peers. `../run` installs the tools that this program needs.

mod callgrind;
mod cgi;
mod cores;
mod guard;
mod in_process;
mod lambda;
mod machine;
mod plots;
mod process;
mod programs;
mod server;
mod statistics;
mod table;

use std::process::ExitCode;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The name on the command line, the heading, and the function that measures and prints tables.
type Section = (&'static str, &'static str, fn() -> Result);

/// The sections of the document, in the order in which they are printed.
const SECTIONS: [Section; 5] = [
    ("server", "HTTP servers", server::measure),
    (
        "programs",
        "Programs of the HTTP servers",
        server::programs::measure,
    ),
    ("lambda", "Lambda functions", lambda::measure),
    ("cgi", "CGI programs", cgi::measure),
    ("in-process", "In-process calls", in_process::measure),
];

fn main() -> Result<ExitCode> {
    let names: Vec<String> = std::env::args().skip(1).collect();
    match names.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["guard"] => return guard::compare(),
        ["guard", "--update"] => return guard::accept(),
        ["plots"] => return plots::draw(),
        _ => {}
    }
    for name in &names {
        if !SECTIONS.iter().any(|(section, ..)| section == name) {
            let known: Vec<&str> = SECTIONS.iter().map(|(section, ..)| *section).collect();
            return Err(format!(
                "invalid section \"{name}\": expected one of {}",
                known.join(", ")
            )
            .into());
        }
    }
    machine::print()?;
    for (section, heading, measure) in SECTIONS {
        if names.is_empty() || names.iter().any(|name| name == section) {
            println!("\n## {heading}");
            measure()?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
