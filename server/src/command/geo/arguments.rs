//! Places, lengths and units as commands are given them.

use storage::geo::{Point, Shape, Unit};

use crate::command::{Args, CommandError};

const UNKNOWN_UNIT: CommandError =
    CommandError::Line("ERR unsupported unit provided. please use M, KM, FT, MI");
const RADIUS: CommandError = CommandError::Line("ERR need numeric radius");
const NEGATIVE_RADIUS: CommandError = CommandError::Line("ERR radius cannot be negative");
const WIDTH: CommandError = CommandError::Line("ERR need numeric width");
const HEIGHT: CommandError = CommandError::Line("ERR need numeric height");
const NEGATIVE_SIDE: CommandError = CommandError::Line("ERR height or width cannot be negative");
const VERTICES: CommandError = CommandError::Line("ERR invalid number of vertices");
const FEW_VERTICES: CommandError =
    CommandError::Line("ERR GEOSEARCH BYPOLYGON must have at least 3 vertices");

/// A unit of length.
pub(super) fn unit(name: &[u8]) -> Result<Unit, CommandError> {
    Unit::parse(name).ok_or(UNKNOWN_UNIT)
}

/// Longitude and latitude, the argument `at` and the next one.
pub(super) fn point(args: Args<'_>, at: usize) -> Result<Point, CommandError> {
    let degrees = |at| protocol::parse_f64(args.at(at)).ok_or(CommandError::NotFloat);
    let (longitude, latitude) = (degrees(at)?, degrees(at + 1)?);
    Point::new(longitude, latitude).ok_or_else(|| off_the_map(longitude, latitude))
}

#[cold]
fn off_the_map(longitude: f64, latitude: f64) -> CommandError {
    CommandError::composed(format!(
        "ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}"
    ))
}

/// A length, or two, in a unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Extent {
    Radius(f64, Unit),
    Sides { width: f64, height: f64, unit: Unit },
}

impl Extent {
    /// `radius unit`, from argument `at` on.
    pub(super) fn radius(args: Args<'_>, at: usize) -> Result<Self, CommandError> {
        let radius = protocol::parse_f64(args.at(at)).ok_or(RADIUS)?;
        if radius < 0.0 {
            return Err(NEGATIVE_RADIUS);
        }
        Ok(Self::Radius(radius, unit(args.at(at + 1))?))
    }

    /// `width height unit`, from argument `at` on.
    pub(super) fn sides(args: Args<'_>, at: usize) -> Result<Self, CommandError> {
        let width = protocol::parse_f64(args.at(at)).ok_or(WIDTH)?;
        let height = protocol::parse_f64(args.at(at + 1)).ok_or(HEIGHT)?;
        if width < 0.0 || height < 0.0 {
            return Err(NEGATIVE_SIDE);
        }
        let unit = unit(args.at(at + 2))?;
        Ok(Self::Sides {
            width,
            height,
            unit,
        })
    }

    /// The unit, which distances are answered in, too.
    pub(super) fn unit(&self) -> Unit {
        match *self {
            Extent::Radius(_, unit) | Extent::Sides { unit, .. } => unit,
        }
    }

    /// The shape of this size around `center`.
    pub(super) fn around(&self, center: Point) -> Shape {
        let metres = self.unit().metres();
        match *self {
            Extent::Radius(radius, _) => Shape::circle(center, radius * metres),
            Extent::Sides { width, height, .. } => {
                Shape::rectangle(center, width * metres, height * metres)
            }
        }
    }
}

/// `num-vertices longitude latitude [longitude latitude ...]`, from argument `at` on; and how many arguments that is.
pub(super) fn polygon(args: Args<'_>, at: usize) -> Result<(Shape, usize), CommandError> {
    let number = protocol::parse_i64(args.at(at)).and_then(|number| i32::try_from(number).ok());
    let number = number.ok_or(VERTICES)?;
    let vertices = usize::try_from(number).unwrap_or(0);
    let are_there = vertices <= (args.len() - at - 1) / 2;
    if vertices < 3 || !are_there {
        return Err(FEW_VERTICES);
    }
    let points = (0..vertices).map(|vertex| point(args, at + 1 + 2 * vertex));
    let shape = Shape::polygon(points.collect::<Result<_, _>>()?).ok_or(FEW_VERTICES)?;
    Ok((shape, 1 + 2 * vertices))
}
