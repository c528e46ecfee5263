//! One subscription that stays alive, and one publish.
