//! Comment text to [`Command`]s, from one table.
