use crate::closed_set::closed_set;

closed_set! {
    /// Where the work is done, seen from the employer's premises.
    Workplace {
        /// There.
        OnSite = "on-site",
        /// There at times, elsewhere at others.
        Hybrid = "hybrid",
        /// Elsewhere.
        Remote = "remote",
    }
}
