//! Draws a figure as SVG. The background is white, so that the figure can be read on light and on dark pages.

use plotters::prelude::*;

use super::figure::{Figure, Series};
use crate::Result;
use crate::table::grouped;

const SIZE: (u32, u32) = (640, 360);
const COLORS: [RGBColor; 2] = [RGBColor(0xc9, 0x3c, 0x0c), RGBColor(0x1b, 0x6e, 0xc2)];
const TEXT: RGBColor = RGBColor(0x33, 0x33, 0x33);
const GRID: RGBColor = RGBColor(0xdd, 0xdd, 0xdd);

pub fn svg(figure: &Figure) -> Result<String> {
    let mut svg = String::new();
    draw(figure, &mut svg).map_err(|error| format!("cannot draw {}: {error}", figure.title))?;
    Ok(svg)
}

fn draw(figure: &Figure, svg: &mut String) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let points = || figure.series.iter().flat_map(|series| &series.points);
    let right = points().map(|(x, _)| *x).fold(0.0, f64::max);
    // The space above the points is for the legend.
    let top = points().map(|(_, y)| *y).fold(0.0, f64::max);

    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(figure.title, ("sans-serif", 20, &TEXT))
        .margin(10)
        .x_label_area_size(50)
        .y_label_area_size(95)
        .build_cartesian_2d(0.0..right * 1.03, 0.0..top * 1.35)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .y_max_light_lines(0)
        .y_labels(6)
        .bold_line_style(GRID)
        .axis_style(TEXT)
        .label_style(("sans-serif", 16, &TEXT))
        .x_desc(figure.x)
        .y_desc(figure.y)
        .x_label_formatter(&|x| grouped(*x as u64))
        .y_label_formatter(&|y| grouped(*y as u64))
        .draw()?;
    for (series, color) in figure.series.iter().zip(COLORS) {
        let line = series.line();
        let drawn = match series.is_straight() {
            true => [0.0, right].map(|x| (x, line.at(x))).to_vec(),
            false => series.points.clone(),
        };
        chart
            .draw_series(LineSeries::new(drawn, color.stroke_width(2)))?
            .label(legend(series, figure.unit))
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
        let points = series.points.iter();
        chart.draw_series(points.map(|point| Circle::new(*point, 3, color.filled())))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE)
        .label_font(("sans-serif", 16, &TEXT))
        .draw()?;
    area.present()?;
    Ok(())
}

/// The name and the line, for example `anyhost: 11,400 + 160 per header`, or only the name if the cost is not a line.
fn legend(series: &Series, unit: &str) -> String {
    if !series.is_straight() {
        return series.name.to_owned();
    }
    let line = series.line();
    let constant = grouped(line.constant.max(0.0).round() as u64);
    let sign = if line.slope < 0.0 { "−" } else { "+" };
    let slope = match line.slope.abs() {
        slope if slope < 100.0 => format!("{slope:.1}"),
        slope => grouped(slope.round() as u64),
    };
    format!("{}: {constant} {sign} {slope} per {unit}", series.name)
}
