//! What is drawn.

use super::line::Line;

/// The largest distance of a point from its line, as a part of the highest point.
pub const LARGEST_DEVIATION: f64 = 0.03;

pub struct Figure {
    /// The name of the file.
    pub name: &'static str,
    pub title: &'static str,
    /// The descriptions of the axes, with their units.
    pub x: &'static str,
    pub y: &'static str,
    /// What x counts, in the singular.
    pub unit: &'static str,
    pub series: Vec<Series>,
}

pub struct Series {
    pub name: &'static str,
    pub is_anyhost: bool,
    pub points: Vec<(f64, f64)>,
}

impl Series {
    pub fn line(&self) -> Line {
        Line::through(&self.points)
    }

    /// Whether the points are on a straight line, apart from noise.
    pub fn is_straight(&self) -> bool {
        self.line().largest_deviation(&self.points) <= LARGEST_DEVIATION
    }
}
