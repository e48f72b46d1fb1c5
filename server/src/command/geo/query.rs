//! What the searching commands ask for.

use storage::geo::{Point, Shape};
use storage::typed::sorted_set::{GeoOrder, GeoSearch, SortedSetRef};

use super::arguments::{Extent, point, polygon};
use crate::command::{Args, CommandError};

const NOT_A_MEMBER: CommandError = CommandError::Line("ERR could not decode requested zset member");
const COUNT: CommandError = CommandError::Line("ERR COUNT must be > 0");
const ANY_OF_ALL: CommandError = CommandError::Line("ERR the ANY argument requires COUNT argument");
const SEARCH_STORES_NO_MORE: CommandError = CommandError::Line(
    "ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
);
const RADIUS_STORES_NO_MORE: CommandError = CommandError::Line(
    "ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
);

/// What a command says before its options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `GEORADIUS key longitude latitude radius unit`; whether it may store.
    Radius { stores: bool },
    /// `GEORADIUSBYMEMBER key member radius unit`; whether it may store.
    RadiusByMember { stores: bool },
    /// `GEOSEARCH key`.
    Search,
    /// `GEOSEARCHSTORE destination source`.
    SearchStore,
}

impl Form {
    /// The argument that is searched.
    pub(super) fn source(self) -> usize {
        match self {
            Form::SearchStore => 2,
            _ => 1,
        }
    }

    /// The event of a result that is stored.
    pub(super) fn event(self) -> &'static str {
        match self {
            Form::Search | Form::SearchStore => "geosearchstore",
            Form::Radius { .. } | Form::RadiusByMember { .. } => "georadiusstore",
        }
    }

    fn options_from(self) -> usize {
        match self {
            Form::Radius { .. } => 6,
            Form::RadiusByMember { .. } => 5,
            Form::Search => 2,
            Form::SearchStore => 3,
        }
    }

    fn is_search(self) -> bool {
        matches!(self, Form::Search | Form::SearchStore)
    }

    /// Whether `STORE` and `STOREDIST` name a destination.
    fn may_store(self) -> bool {
        matches!(
            self,
            Form::Radius { stores: true } | Form::RadiusByMember { stores: true }
        )
    }
}

/// What is answered of each member beside its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Details {
    pub(super) distance: bool,
    pub(super) hash: bool,
    pub(super) point: bool,
}

impl Details {
    /// How many values that is.
    pub(super) fn count(self) -> usize {
        usize::from(self.distance) + usize::from(self.hash) + usize::from(self.point)
    }
}

/// Where a result goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Destination {
    /// The argument that is its key.
    pub(super) key: usize,
    /// Whether distances become scores, not places.
    pub(super) of_distances: bool,
}

/// A search.
#[derive(Debug)]
pub(super) struct Query {
    /// What is searched for; `None` if nothing is there that could be.
    pub(super) search: Option<GeoSearch>,
    /// Metres of the unit in which distances are given.
    pub(super) metres: f64,
    pub(super) details: Details,
    pub(super) destination: Option<Destination>,
}

/// Where the centre is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Center {
    /// Nothing has been said of it.
    Unsaid,
    /// At a member's place; `None` if the key is missing.
    Member(Option<Point>),
    Place(Point),
}

/// What is around it.
#[derive(Debug)]
enum Area {
    /// Nothing has been said of it.
    Unsaid,
    Extent(Extent),
    /// It has a centre of its own.
    Polygon(Shape),
}

/// The options while they are read.
struct Parser<'a> {
    args: Args<'a>,
    form: Form,
    set: Option<SortedSetRef<'a>>,
    center: Center,
    area: Area,
    details: Details,
    order: GeoOrder,
    count: Option<u64>,
    any: bool,
    destination: Option<Destination>,
}

impl Query {
    /// Reads a command's arguments. `set` is what is searched: a place may be given as one of its members.
    pub(super) fn parse(
        args: Args<'_>,
        form: Form,
        set: Option<SortedSetRef<'_>>,
    ) -> Result<Self, CommandError> {
        let mut parser = Parser {
            args,
            form,
            set,
            center: Center::Unsaid,
            area: Area::Unsaid,
            details: Details::default(),
            order: GeoOrder::Found,
            count: None,
            any: false,
            destination: None,
        };
        parser.read_fixed()?;
        let mut at = form.options_from();
        while at < args.len() {
            at += parser.read_option(at)?;
        }
        parser.check()?;
        Ok(parser.into_query())
    }
}

impl Parser<'_> {
    /// What stands before the options.
    fn read_fixed(&mut self) -> Result<(), CommandError> {
        match self.form {
            Form::Radius { .. } => {
                self.center = Center::Place(point(self.args, 2)?);
                self.area = Area::Extent(Extent::radius(self.args, 4)?);
            }
            // Without a set Redis does not look at the radius either.
            Form::RadiusByMember { .. } if self.set.is_some() => {
                self.center = self.member(2)?;
                self.area = Area::Extent(Extent::radius(self.args, 3)?);
            }
            Form::RadiusByMember { .. } | Form::Search => {}
            Form::SearchStore => {
                self.destination = Some(Destination {
                    key: 1,
                    of_distances: false,
                });
            }
        }
        Ok(())
    }

    /// The place of the member that argument `at` names.
    fn member(&self, at: usize) -> Result<Center, CommandError> {
        let place = self.set.map(|set| {
            let score = set.score(self.args.at(at)).ok_or(NOT_A_MEMBER)?;
            Ok(Point::of_score(score))
        });
        place.transpose().map(Center::Member)
    }

    /// Reads the option that begins at argument `at`; how many arguments it has.
    fn read_option(&mut self, at: usize) -> Result<usize, CommandError> {
        let args = self.args;
        let follow = |count| at + count < args.len();
        let word = args.at(at);
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        if is("WITHDIST") {
            self.details.distance = true;
        } else if is("WITHHASH") {
            self.details.hash = true;
        } else if is("WITHCOORD") {
            self.details.point = true;
        } else if is("ANY") {
            self.any = true;
        } else if is("ASC") {
            self.order = GeoOrder::Nearest;
        } else if is("DESC") {
            self.order = GeoOrder::Furthest;
        } else if is("COUNT") && follow(1) {
            let count = protocol::parse_i64(args.at(at + 1)).ok_or(CommandError::NotInteger)?;
            let count = u64::try_from(count).ok().filter(|count| *count > 0);
            self.count = Some(count.ok_or(COUNT)?);
            return Ok(2);
        } else if self.form.is_search() {
            return self.read_search_option(at);
        } else if self.form.may_store() && follow(1) && (is("STORE") || is("STOREDIST")) {
            self.destination = Some(Destination {
                key: at + 1,
                of_distances: is("STOREDIST"),
            });
            return Ok(2);
        } else {
            return Err(CommandError::Syntax);
        }
        Ok(1)
    }

    /// The same for what only `GEOSEARCH` and `GEOSEARCHSTORE` have.
    fn read_search_option(&mut self, at: usize) -> Result<usize, CommandError> {
        let args = self.args;
        let follow = |count| at + count < args.len();
        let is_polygon = matches!(self.area, Area::Polygon(_));
        if args.is(at, "FROMMEMBER")
            && follow(1)
            && !matches!(self.center, Center::Place(_))
            && !is_polygon
        {
            self.center = self.member(at + 1)?;
            Ok(2)
        } else if args.is(at, "FROMLONLAT")
            && follow(2)
            && !matches!(self.center, Center::Member(_))
            && !is_polygon
        {
            self.center = Center::Place(point(args, at + 1)?);
            Ok(3)
        } else if args.is(at, "BYRADIUS")
            && follow(2)
            && matches!(self.area, Area::Unsaid | Area::Extent(Extent::Radius(..)))
        {
            self.area = Area::Extent(Extent::radius(args, at + 1)?);
            Ok(3)
        } else if args.is(at, "BYBOX")
            && follow(3)
            && matches!(self.area, Area::Unsaid | Area::Extent(Extent::Sides { .. }))
        {
            self.area = Area::Extent(Extent::sides(args, at + 1)?);
            Ok(4)
        } else if args.is(at, "BYPOLYGON")
            && follow(1)
            && matches!(self.area, Area::Unsaid | Area::Polygon(_))
            && self.center == Center::Unsaid
        {
            let (shape, count) = polygon(args, at + 1)?;
            self.area = Area::Polygon(shape);
            Ok(1 + count)
        } else if let Some(destination) = &mut self.destination
            && args.is(at, "STOREDIST")
        {
            destination.of_distances = true;
            Ok(1)
        } else {
            Err(CommandError::Syntax)
        }
    }

    /// What is missing, or does not go together.
    fn check(&self) -> Result<(), CommandError> {
        if self.destination.is_some() && self.details.count() > 0 {
            return Err(if self.form == Form::SearchStore {
                SEARCH_STORES_NO_MORE
            } else {
                RADIUS_STORES_NO_MORE
            });
        }
        if self.form.is_search() {
            self.check_search()?;
        }
        if self.any && self.count.is_none() {
            return Err(ANY_OF_ALL);
        }
        Ok(())
    }

    fn check_search(&self) -> Result<(), CommandError> {
        let missing = |what| CommandError::quoting(what, self.args.at(0), "");
        match (&self.center, &self.area) {
            (Center::Unsaid, Area::Unsaid | Area::Extent(_)) => Err(missing(
                "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for ",
            )),
            (_, Area::Unsaid) => Err(missing(
                "ERR exactly one of BYRADIUS and BYBOX can be specified for ",
            )),
            _ => Ok(()),
        }
    }

    fn into_query(self) -> Query {
        let metres = match &self.area {
            Area::Extent(extent) => extent.unit().metres(),
            Area::Polygon(_) | Area::Unsaid => 1.0,
        };
        let shape = match (self.area, self.center) {
            (Area::Polygon(shape), _) => Some(shape),
            (Area::Extent(extent), Center::Member(Some(center)) | Center::Place(center)) => {
                Some(extent.around(center))
            }
            _ => None,
        };
        // The first ones of a search in no order would be of no use, unless any will do.
        let order = match self.order {
            GeoOrder::Found if self.count.is_some() && !self.any => GeoOrder::Nearest,
            order => order,
        };
        Query {
            search: shape.map(|shape| GeoSearch {
                shape,
                order,
                count: self.count,
                any: self.any,
            }),
            metres,
            details: self.details,
            destination: self.destination,
        }
    }
}
