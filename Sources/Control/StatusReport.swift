import EventStream
import Glibc
import ProducerInterface
import StreamRuntime
package import SystemCalls

/// Collects the status of a running server.
package struct StatusReport: Sendable {
    /// The part of the status that does not change while the server runs.
    package struct Identity: Sendable {
        let version: String
        /// The first listener's address: "127.0.0.1:8080".
        let address: String?
        /// All listeners' URLs: "http://127.0.0.1:8080".
        let urls: [String]
        /// The admin listener's.
        let admin: String?
        /// The directory of plugins.
        let directory: String
        let startedAt: MonotonicNanoseconds

        package init(
            version: String, address: String?, urls: [String], admin: String? = nil, directory: String,
            startedAt: MonotonicNanoseconds
        ) {
            self.version = version
            self.address = address
            self.urls = urls
            self.admin = admin
            self.directory = directory
            self.startedAt = startedAt
        }
    }

    private let identity: Identity
    private let desk: ReloadDesk
    private let figures: @Sendable () -> ServerFigures

    /// - Parameter figures: called on the thread that calls `status`; can take some milliseconds.
    package init(_ identity: Identity, desk: ReloadDesk, figures: @escaping @Sendable () -> ServerFigures) {
        self.identity = identity
        self.desk = desk
        self.figures = figures
    }

    /// The status now. Call it from any thread that is not a loop's; it takes some milliseconds.
    package func status() -> ServerStatus {
        let figures = figures()
        let streams = figures.runtime.streams
        let now = monotonicNanoseconds()
        let record = desk.record
        var status = ServerStatus()
        status.version = identity.version
        status.pid = Int(getpid())
        status.address = identity.address
        status.urls = identity.urls
        status.admin = identity.admin
        status.directory = identity.directory
        status.uptimeSeconds = Self.seconds(now - identity.startedAt)
        status.reloads = record.count
        status.lastReload = record.lastAt.map { Int($0) }
        status.isReloading = record.isReloading
        status.openStreams = streams.open
        status.sharedStreams = figures.runtime.hubs.open
        status.stuckStreams = streams.stuck
        status.threads = streams.threads
        status.refusedRequests = streams.refusedRequests
        status.connections = figures.connections.open
        status.keptRequestBytes = streams.keptRequestBytes
        status.loops = figures.runtime.loops.map { ServerStatus.Loop(rows: $0.rows) }
        status.hangingCalls = figures.runtime.hangingCalls.map { Self.hangingCall($0, now) }
        status.images = figures.images?.count
        status.imageBytes = figures.images?.bytes
        status.generations = figures.runtime.generations.map { Self.generation($0, figures.images, now) }
        status.changedLibraries = figures.images?.changedLibraries
        status.refusals = record.refusals.map { ServerStatus.Refusal(at: Int($0.at), error: $0.error) }
        return status
    }

    private static func generation(
        _ figures: GenerationFigures, _ images: ServerFigures.ImageFigures?, _ now: MonotonicNanoseconds
    ) -> ServerStatus.Generation {
        let holders = figures.streams?.holders ?? []
        var generation = ServerStatus.Generation()
        generation.plugin = figures.image.plugin
        generation.generation = figures.number
        generation.state = figures.retired == nil ? "serving" : "draining"
        generation.reason = figures.retired?.reason.name
        generation.file = figures.image.path
        generation.content = figures.image.content
        generation.ageSeconds = seconds(now - figures.loadedAt)
        generation.drainingSeconds = figures.retired.map { seconds(now - $0.at) }
        generation.imageBytes = images?.bytesOfImage(figures.image)
        generation.openStreams = figures.openStreams
        generation.subscribers = figures.streams?.subscribers
        generation.oldestStreamSeconds = holders.first.map { seconds($0.age) }
        generation.trial = figures.trial.map { trial in
            ServerStatus.Trial(
                failures: trial.failures, failuresMax: trial.failuresMax,
                secondsLeft: seconds(max(0, trial.until - now)))
        }
        generation.heldForGeneration = figures.heldFor
        generation.producers = figures.producers.map { producer in
            ServerStatus.Producer(
                name: producer.description.name, route: producer.description.route, opens: producer.ledger.opens,
                closes: producer.ledger.closes, open: producer.ledger.open)
        }
        generation.holders = holders.map { holder in
            ServerStatus.Holder(
                stream: "\(holder.stream)", producer: holder.producer, shared: holder.isShared, peer: holder.peer,
                ageSeconds: seconds(holder.age))
        }
        return generation
    }

    private static func hangingCall(_ call: HangingCall, _ now: MonotonicNanoseconds) -> ServerStatus.HangingCall {
        var hanging = ServerStatus.HangingCall()
        hanging.plugin = call.plugin
        hanging.producer = call.producer
        hanging.generation = call.generation
        hanging.function = call.function
        hanging.stream = "\(call.stream)"
        hanging.seconds = seconds(now - call.since)
        return hanging
    }

    /// Seconds, cut to milliseconds.
    private static func seconds(_ nanoseconds: Int64) -> Double { Double(nanoseconds / 1_000_000) / 1000 }
}
