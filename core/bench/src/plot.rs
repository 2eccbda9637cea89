//! Lines on logarithmic axes, as SVG; and their slopes, so that "flat" and "linear" are figures.

use std::fmt::Write as _;

/// One measured line.
#[derive(Clone, Debug)]
pub struct Line {
    /// What it is.
    pub name: String,
    /// Rising in x; all above 0.
    pub points: Vec<(f64, f64)>,
}

/// A picture.
#[derive(Clone, Debug)]
pub struct Chart {
    /// Above it.
    pub title: String,
    /// Under the axis, with the unit.
    pub x: &'static str,
    /// Beside the axis, with the unit.
    pub y: &'static str,
    /// At most six.
    pub lines: Vec<Line>,
    /// Slopes are told of the points from here on.
    pub slopes_from: f64,
}

impl Line {
    /// The exponent of the power of x that fits the points from `from` on best: 0 is flat, 1 linear, 2 quadratic.
    pub fn slope(&self, from: f64) -> f64 {
        let points = self.points.iter().filter(|(x, _)| *x >= from);
        let logs: Vec<(f64, f64)> = points.map(|(x, y)| (x.ln(), y.ln())).collect();
        let n = logs.len() as f64;
        let (mean_x, mean_y) = (logs.iter().map(|p| p.0).sum::<f64>() / n, logs.iter().map(|p| p.1).sum::<f64>() / n);
        let over: f64 = logs.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
        let under: f64 = logs.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
        over / under
    }
}

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 440.0;
const LEFT: f64 = 84.0;
const RIGHT: f64 = 216.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 56.0;
const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];

/// From the logarithm of a value to a place in the picture.
struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    /// Just wide enough, and at least a decade.
    fn new(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v.log10()), high.max(v.log10())));
        let (low, high) = (low - 0.1, high + 0.1);
        let (low, high) = if high - low < 1.2 { (low.floor(), (low.floor() + 1.0).max(high)) } else { (low, high) };
        Self { low, high, from, to }
    }

    fn at(&self, value: f64) -> f64 {
        self.from + (value.log10() - self.low) / (self.high - self.low) * (self.to - self.from)
    }

    /// Powers of ten, and between them 2 and 5 where there are few.
    fn ticks(&self) -> Vec<f64> {
        let few = self.high - self.low < 2.5;
        let decades = (self.low.floor() as i32)..=(self.high.ceil() as i32);
        let steps: &[f64] = if few { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let all = decades.flat_map(|decade| steps.iter().map(move |step| step * 10_f64.powi(decade)));
        all.filter(|tick| (self.low..=self.high).contains(&tick.log10())).collect()
    }
}

impl Chart {
    /// The picture.
    pub fn svg(&self) -> String {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let x = Axis::new(points().map(|point| point.0), LEFT, WIDTH - RIGHT);
        let y = Axis::new(points().map(|point| point.1), HEIGHT - BOTTOM, TOP);
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"13\">\n\
             <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>\n"
        );
        text(&mut out, WIDTH / 2.0, 24.0, "middle", "font-size=\"16\"", &self.title);
        for tick in x.ticks() {
            let at = x.at(tick);
            rule(&mut out, at, TOP, at, HEIGHT - BOTTOM);
            text(&mut out, at, HEIGHT - BOTTOM + 18.0, "middle", "", &short(tick));
        }
        for tick in y.ticks() {
            let at = y.at(tick);
            rule(&mut out, LEFT, at, WIDTH - RIGHT, at);
            text(&mut out, LEFT - 8.0, at + 4.0, "end", "", &short(tick));
        }
        text(&mut out, (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 14.0, "middle", "", self.x);
        let middle = (TOP + HEIGHT - BOTTOM) / 2.0;
        text(&mut out, 22.0, middle, "middle", &format!("transform=\"rotate(-90 22 {middle})\""), self.y);
        for (n, line) in self.lines.iter().enumerate() {
            let colour = COLOURS[n % COLOURS.len()];
            let path: Vec<String> = line.points.iter().map(|p| format!("{:.1},{:.1}", x.at(p.0), y.at(p.1))).collect();
            let _ = writeln!(
                out,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
                path.join(" ")
            );
            for place in &path {
                let (cx, cy) = place.split_once(',').unwrap_or_default();
                let _ = writeln!(out, "<circle cx=\"{cx}\" cy=\"{cy}\" r=\"3.5\" fill=\"{colour}\"/>");
            }
            let (left, top) = (WIDTH - RIGHT + 16.0, TOP + 18.0 + 40.0 * n as f64);
            let _ = writeln!(out, "<circle cx=\"{}\" cy=\"{}\" r=\"5\" fill=\"{colour}\"/>", left + 4.0, top - 4.0);
            text(&mut out, left + 16.0, top, "start", "", &line.name);
            let slope = format!("slope {:.2}", line.slope(self.slopes_from));
            text(&mut out, left + 16.0, top + 16.0, "start", "fill=\"#555555\"", &slope.replace("-0.00", "0.00"));
        }
        out.push_str("</svg>\n");
        out
    }
}

fn rule(out: &mut String, x1: f64, y1: f64, x2: f64, y2: f64) {
    let _ = writeln!(
        out,
        "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"#dddddd\" stroke-width=\"1\"/>"
    );
}

fn text(out: &mut String, x: f64, y: f64, anchor: &str, more: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(out, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" {more}>{text}</text>");
}

/// `20`, `5k`, `1M`.
fn short(value: f64) -> String {
    let (value, unit) = match value {
        v if v >= 1e9 => (v / 1e9, "G"),
        v if v >= 1e6 => (v / 1e6, "M"),
        v if v >= 1e3 => (v / 1e3, "k"),
        v => (v, ""),
    };
    // Powers of ten are not exact below 1.
    let digits = format!("{value:.4}");
    format!("{}{unit}", digits.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::{Chart, Line, short};

    fn line(power: i32) -> Line {
        let points = [1.0, 10.0, 100.0, 1e6].map(|x: f64| (x, 3.0 * x.powi(power)));
        Line { name: format!("to the {power}"), points: points.to_vec() }
    }

    #[test]
    fn the_slope_is_the_power() {
        for power in [0, 1, 2] {
            assert!((line(power).slope(0.0) - f64::from(power)).abs() < 1e-9);
        }
    }

    #[test]
    fn a_slope_may_begin_late() {
        let points = vec![(1.0, 7.0), (10.0, 7.0), (100.0, 70.0), (1000.0, 700.0)];
        let line = Line { name: String::new(), points };
        assert!((line.slope(10.0) - 1.0).abs() < 1e-9 && line.slope(0.0) < 0.9);
    }

    #[test]
    fn values_are_short() {
        assert_eq!([0.01, 5.0, 20.0, 5000.0, 1e6, 2.5e9].map(short), ["0.01", "5", "20", "5k", "1M", "2.5G"]);
    }

    #[test]
    fn all_of_a_chart_lies_in_it() {
        let chart = Chart {
            title: "a < b".into(),
            x: "bytes",
            y: "ns",
            lines: vec![line(0), line(1), line(2)],
            slopes_from: 1.0,
        };
        let svg = chart.svg();
        assert!(svg.contains("a &lt; b") && svg.contains("slope 2.00") && svg.contains(">1M</text>"), "{svg}");
        assert_eq!(svg.matches("<polyline").count(), 3);
        for place in svg.split("cx=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!((0.0..=super::WIDTH).contains(&place.parse().unwrap_or(-1.0)), "{place}");
        }
    }
}
