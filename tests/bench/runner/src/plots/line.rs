//! Straight lines through measured points.

/// A line, by the method of least squares.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    pub constant: f64,
    pub slope: f64,
}

impl Line {
    /// Computes the line through the points. There must be at least two points with different x values.
    pub fn through(points: &[(f64, f64)]) -> Line {
        let n = points.len() as f64;
        let mean_x = points.iter().map(|(x, _)| x).sum::<f64>() / n;
        let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / n;
        let covariance: f64 = points
            .iter()
            .map(|(x, y)| (x - mean_x) * (y - mean_y))
            .sum();
        let variance: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
        let slope = covariance / variance;
        Line {
            constant: mean_y - slope * mean_x,
            slope,
        }
    }

    pub fn at(&self, x: f64) -> f64 {
        self.constant + self.slope * x
    }

    /// The largest distance of a point from the line, as a part of the highest point.
    pub fn largest_deviation(&self, points: &[(f64, f64)]) -> f64 {
        let highest = points.iter().map(|(_, y)| *y).fold(0.0, f64::max);
        let distances = points.iter().map(|(x, y)| (y - self.at(*x)).abs());
        distances.fold(0.0, f64::max) / highest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_through_points_that_are_on_it() {
        let line = Line::through(&[(0.0, 10.0), (1.0, 30.0), (3.0, 70.0)]);
        assert!((line.constant - 10.0).abs() < 1e-9 && (line.slope - 20.0).abs() < 1e-9);
        assert!(line.largest_deviation(&[(0.0, 10.0), (2.0, 50.0)]) < 1e-9);
    }

    #[test]
    fn quadratic_growth_deviates_from_its_line() {
        let points: Vec<(f64, f64)> = (0..6).map(|x| (x.into(), (x * x).into())).collect();
        assert!(Line::through(&points).largest_deviation(&points) > 0.1);
    }
}
