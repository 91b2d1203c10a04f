package import CommandOutput

/// What `sluice status` shows, as the server tells it in JSON. These keys keep their names and meanings; others may be
/// added.
///
/// A client may meet a server that is older or newer than itself: what it does not know it ignores, and any member may
/// be missing. Times are seconds, sizes bytes; an `at` is in seconds since 1970. On the wire the names are written in
/// snake case: `uptime_seconds`.
package struct ServerStatus: Codable, Sendable {
    @OrNull package var version: String?
    @OrNull package var pid: Int?
    /// Of the first listener: "127.0.0.1:8080".
    @OrNull package var address: String?
    /// Of all listeners: "http://127.0.0.1:8080".
    @OrNull package var urls: [String]?
    /// Of the plugins.
    @OrNull package var directory: String?
    @OrNull package var uptimeSeconds: Double?

    @OrNull package var reloads: Int?
    /// Seconds since 1970; `nil`: none yet.
    @OrNull package var lastReload: Int?
    @OrNull package var isReloading: Bool?

    @OrNull package var openStreams: Int?
    @OrNull package var sharedStreams: Int?
    /// Of the open streams, the ones that should have ended and have not.
    @OrNull package var stuckStreams: Int?
    @OrNull package var threads: Int?
    @OrNull package var refusedRequests: Int?
    @OrNull package var connections: Int?
    /// What the requests of resumable streams take, which are kept for a reload.
    @OrNull package var keptRequestBytes: Int?
    /// In the order of the loops' numbers.
    @OrNull package var loops: [Loop]?
    /// Calls that do not return, and whose loops continue without them.
    @OrNull package var hangingCalls: [HangingCall]?

    /// Every image that was ever loaded stays mapped: how many, and how much address space they have.
    @OrNull package var images: Int?
    @OrNull package var imageBytes: Int?
    @OrNull package var generations: [Generation]?
    /// On disk, while plugins have the old one in memory.
    @OrNull package var changedLibraries: [ChangedLibrary]?
    /// The last ones, the oldest first.
    @OrNull package var refusals: [Refusal]?

    package init() {}

    package struct Loop: Codable, Sendable {
        /// Streams and connections in its table.
        @OrNull package var rows: Int?
    }

    package struct HangingCall: Codable, Sendable {
        @OrNull package var plugin: String?
        @OrNull package var producer: String?
        @OrNull package var generation: Int?
        /// "next".
        @OrNull package var function: String?
        @OrNull package var stream: String?
        @OrNull package var seconds: Double?

        package init() {}
    }

    package struct ChangedLibrary: Codable, Sendable {
        @OrNull package var library: String?
        @OrNull package var plugins: [String]?

        package init(library: String, plugins: [String]) {
            self.library = library
            self.plugins = plugins
        }
    }

    package struct Refusal: Codable, Sendable {
        @OrNull package var at: Int?
        @OrNull package var error: String?
    }
}

extension ServerStatus {
    /// A plugin as it was loaded once, for as long as it has streams.
    package struct Generation: Codable, Sendable {
        @OrNull package var plugin: String?
        @OrNull package var generation: Int?
        /// "serving" or "draining".
        @OrNull package var state: String?
        /// Why it drains.
        @OrNull package var reason: String?
        @OrNull package var file: String?
        /// A hash of the file.
        @OrNull package var content: String?
        @OrNull package var ageSeconds: Double?
        @OrNull package var drainingSeconds: Double?
        @OrNull package var imageBytes: Int?
        @OrNull package var openStreams: Int?
        @OrNull package var subscribers: Int?
        @OrNull package var oldestStreamSeconds: Double?
        @OrNull package var trial: Trial?
        /// The generation on trial which it would serve again in place of.
        @OrNull package var heldForGeneration: Int?
        @OrNull package var producers: [Producer]?
        /// The oldest open streams.
        @OrNull package var holders: [Holder]?

        package init() {}
    }

    /// Of a new generation, which is taken back if so many of its streams fail.
    package struct Trial: Codable, Sendable {
        @OrNull package var failures: Int?
        @OrNull package var failuresMax: Int?
        @OrNull package var secondsLeft: Double?
    }

    package struct Producer: Codable, Sendable {
        @OrNull package var name: String?
        @OrNull package var route: String?
        @OrNull package var opens: Int?
        @OrNull package var closes: Int?
        @OrNull package var open: Int?
    }

    /// A stream that keeps its generation from being over.
    package struct Holder: Codable, Sendable {
        @OrNull package var stream: String?
        @OrNull package var producer: String?
        @OrNull package var shared: Bool?
        /// `nil` for a shared stream, and for one whose subscriber has left.
        @OrNull package var peer: String?
        @OrNull package var ageSeconds: Double?
    }
}
