package import CommandOutput

/// What `sluice status` shows, as the server sends it in JSON. These keys keep their names and meanings; others can be
/// added.
///
/// The server can be older or newer than the client: the client ignores unknown members, and any member can be missing.
/// Times are in seconds, sizes in bytes; an `at` is in seconds since 1970. In JSON, the names are in snake case:
/// `uptime_seconds`.
package struct ServerStatus: Codable, Sendable {
    @OrNull package var version: String?
    @OrNull package var pid: Int?
    /// The first listener's address: "127.0.0.1:8080".
    @OrNull package var address: String?
    /// All listeners' URLs: "http://127.0.0.1:8080".
    @OrNull package var urls: [String]?
    /// The admin listener's URL.
    @OrNull package var admin: String?
    /// The directory of plugins.
    @OrNull package var directory: String?
    @OrNull package var uptimeSeconds: Double?

    @OrNull package var reloads: Int?
    /// Seconds since 1970; `nil`: none yet.
    @OrNull package var lastReload: Int?
    @OrNull package var isReloading: Bool?

    @OrNull package var openStreams: Int?
    @OrNull package var sharedStreams: Int?
    /// Open streams that should have ended but have not.
    @OrNull package var stuckStreams: Int?
    @OrNull package var threads: Int?
    @OrNull package var refusedRequests: Int?
    @OrNull package var connections: Int?
    /// The size of the requests of resumable streams, which are kept for a reload.
    @OrNull package var keptRequestBytes: Int?
    /// In the order of the loops' numbers.
    @OrNull package var loops: [Loop]?
    /// Calls that have not returned and whose loops continue without them.
    @OrNull package var hangingCalls: [HangingCall]?

    /// The number and the address space of the images. Every image that was ever loaded stays mapped.
    @OrNull package var images: Int?
    @OrNull package var imageBytes: Int?
    @OrNull package var generations: [Generation]?
    /// Libraries whose file has changed since plugins loaded them.
    @OrNull package var changedLibraries: [ChangedLibrary]?
    /// The latest ones, the oldest first.
    @OrNull package var refusals: [Refusal]?

    package init() {}

    package struct Loop: Codable, Sendable {
        /// Of its table: streams, connections, and one for each hub that needs keep-alives there.
        @OrNull package var rows: Int?
    }

    package struct HangingCall: Codable, Sendable {
        @OrNull package var plugin: String?
        @OrNull package var producer: String?
        @OrNull package var generation: Int?
        /// The plugin's function, such as "next".
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
    /// One loaded version of a plugin. It stays in the list as long as it serves or has streams.
    package struct Generation: Codable, Sendable {
        @OrNull package var plugin: String?
        @OrNull package var generation: Int?
        /// "serving" or "draining".
        @OrNull package var state: String?
        /// Why it is draining.
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
        /// The generation on trial that would be replaced with this one in a rollback.
        @OrNull package var heldForGeneration: Int?
        @OrNull package var producers: [Producer]?
        /// The oldest open streams.
        @OrNull package var holders: [Holder]?

        package init() {}
    }

    /// A new generation's trial. It is rolled back when `failuresMax` of its streams fail.
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

    /// A stream that keeps its generation from ending.
    package struct Holder: Codable, Sendable {
        @OrNull package var stream: String?
        @OrNull package var producer: String?
        @OrNull package var shared: Bool?
        /// `nil` for a shared stream, and for a stream whose subscriber has disconnected.
        @OrNull package var peer: String?
        @OrNull package var ageSeconds: Double?
    }
}
