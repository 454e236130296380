//! Draws the cost of a request by its size, for the guide `costs`. Each cost of anyhost has to be
//! constant or a straight line.

mod chart;
mod figure;
mod guide;
mod line;
mod measure;

use std::process::ExitCode;

use crate::Result;
use figure::{Figure, LARGEST_DEVIATION};

const FIGURES: [fn() -> Result<Figure>; 6] = [
    measure::body,
    measure::json,
    measure::headers,
    measure::routes,
    measure::connections,
    measure::environment,
];

/// Fails if a cost of anyhost is not a straight line.
pub fn draw() -> Result<ExitCode> {
    let mut figures = Vec::new();
    let mut is_straight = true;
    for measure in FIGURES {
        let figure = measure()?;
        for series in &figure.series {
            let line = series.line();
            let deviation = line.largest_deviation(&series.points);
            is_straight &= series.is_straight() || !series.is_anyhost;
            println!(
                "{}, {}: {:.0} + {:.1} per {}; largest deviation {:.1} %: {:?}",
                figure.title,
                series.name,
                line.constant,
                line.slope,
                figure.unit,
                deviation * 100.0,
                series.points
            );
        }
        figures.push(figure);
    }
    guide::write(&figures)?;
    if !is_straight {
        let percent = LARGEST_DEVIATION * 100.0;
        println!("a cost of anyhost is not a straight line: it deviates by more than {percent} %");
    }
    Ok(match is_straight {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
