import EventStream
import Glibc
import ProducerInterface
package import StreamRuntime
import SystemCalls

/// Looks at a running server, and says how it stands.
package struct StatusReport: Sendable {
    /// What a status tells that is not the runtime's own.
    package struct Surroundings: Sendable {
        let version: String
        /// "127.0.0.1:8080".
        let address: String
        /// Of the plugins.
        let directory: String
        /// Monotonic nanoseconds.
        let startedAt: Int64
        let connectionCount: @Sendable () -> Int
        let images: @Sendable () -> ImageSpace
        let changedLibraries: @Sendable () -> [ServerStatus.ChangedLibrary]

        package init(
            version: String, address: String, directory: String, startedAt: Int64,
            connectionCount: @escaping @Sendable () -> Int, images: @escaping @Sendable () -> ImageSpace,
            changedLibraries: @escaping @Sendable () -> [ServerStatus.ChangedLibrary]
        ) {
            self.version = version
            self.address = address
            self.directory = directory
            self.startedAt = startedAt
            self.connectionCount = connectionCount
            self.images = images
            self.changedLibraries = changedLibraries
        }
    }

    /// How much address space the images of plugins have.
    package struct ImageSpace: Sendable {
        let count: Int
        let bytes: Int
        let bytesOfImage: @Sendable (LoadedImage) -> Int

        package init(count: Int, bytes: Int, of bytesOfImage: @escaping @Sendable (LoadedImage) -> Int) {
            self.count = count
            self.bytes = bytes
            self.bytesOfImage = bytesOfImage
        }
    }

    private let runtime: Runtime
    private let reloader: Reloader
    private let desk: ReloadDesk
    private let surroundings: Surroundings

    /// A loop that a producer holds up is not waited for any longer.
    private static let surveySeconds = 2

    package init(runtime: Runtime, reloader: Reloader, desk: ReloadDesk, surroundings: Surroundings) {
        self.runtime = runtime
        self.reloader = reloader
        self.desk = desk
        self.surroundings = surroundings
    }

    /// How it stands now. Any thread but the loops'; takes some milliseconds.
    package func status() -> ServerStatus {
        let survey = survey()
        let images = surroundings.images()
        let now = monotonicNanoseconds()
        let record = desk.record
        var status = ServerStatus()
        status.version = surroundings.version
        status.pid = Int(getpid())
        status.address = surroundings.address
        status.directory = surroundings.directory
        status.uptimeSeconds = Self.seconds(now - surroundings.startedAt)
        status.reloads = record.count
        status.lastReload = record.lastAt.map { Int($0) }
        status.isReloading = record.isReloading
        status.openStreams = runtime.openStreams
        status.stuckStreams = runtime.stuckStreams
        status.threads = runtime.usedThreads
        status.refusedRequests = runtime.refusedRequests
        status.connections = surroundings.connectionCount()
        status.keptRequestBytes = runtime.keptRequestBytes
        status.hangingCalls = runtime.hangingCalls.map { Self.hangingCall($0, now) }
        status.images = images.count
        status.imageBytes = images.bytes
        status.generations = reloader.standings.map { Self.generation($0, survey, images, now) }
        status.changedLibraries = surroundings.changedLibraries()
        status.refusals = record.refusals.map { ServerStatus.Refusal(at: Int($0.at), error: $0.error) }
        return status
    }

    private static func generation(
        _ standing: Reloader.Standing, _ survey: StreamSurvey?, _ images: ImageSpace, _ now: Int64
    ) -> ServerStatus.Generation {
        let share = survey?.share(of: standing.generation)
        var generation = ServerStatus.Generation()
        generation.plugin = standing.generation.plugin
        generation.generation = standing.generation.number
        generation.state = standing.retired == nil ? "serving" : "draining"
        generation.reason = standing.retired?.reason.name
        generation.file = standing.image.path
        generation.content = standing.image.content
        generation.ageSeconds = seconds(now - standing.loadedAt)
        generation.drainingSeconds = standing.retired.map { seconds(now - $0.at) }
        generation.imageBytes = images.bytesOfImage(standing.image)
        generation.openStreams = standing.generation.liveStreams
        generation.subscribers = share?.subscribers
        generation.oldestStreamSeconds = share?.holders.first.map { seconds($0.ageNanoseconds) }
        generation.trial = standing.trial.map { trial in
            ServerStatus.Trial(
                failures: trial.failures, failuresMax: trial.failuresMax,
                secondsLeft: seconds(max(0, trial.until - now)))
        }
        generation.heldForGeneration = standing.heldFor
        generation.producers = standing.entries.map { entry in
            let ledger = entry.ledger
            return ServerStatus.Producer(
                name: entry.description.name, route: entry.description.route, opens: ledger.opens,
                closes: ledger.closes, open: ledger.open)
        }
        generation.holders = (share?.holders ?? []).map { holder in
            ServerStatus.Holder(
                stream: "\(holder.stream)", producer: holder.producer, shared: holder.isShared, peer: holder.peer,
                ageSeconds: seconds(holder.ageNanoseconds))
        }
        return generation
    }

    private static func hangingCall(_ call: HangingCall, _ now: Int64) -> ServerStatus.HangingCall {
        var hanging = ServerStatus.HangingCall()
        hanging.plugin = call.plugin
        hanging.producer = call.producer
        hanging.generation = call.generation
        hanging.function = call.function
        hanging.stream = "\(call.stream)"
        hanging.seconds = seconds(now - call.since)
        return hanging
    }

    private func survey() -> StreamSurvey? {
        let answer = SurveyAnswer()
        runtime.survey { answer.take($0) }
        return answer.wait(seconds: Self.surveySeconds)
    }

    /// To the millisecond.
    private static func seconds(_ nanoseconds: Int64) -> Double { Double(nanoseconds / 1_000_000) / 1000 }
}
