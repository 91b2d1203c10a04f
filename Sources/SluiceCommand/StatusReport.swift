import Glibc
import PluginHost
import ProducerInterface
import StreamLoop
import StreamRuntime

/// What `sluice status` shows, as the server tells it. These keys keep their names and meanings; others may be added.
///
///     version, pid, address, directory, uptime_seconds
///     reloads, last_reload (seconds since 1970, or null), is_reloading
///     open_streams, stuck_streams, threads, refused_requests, connections
///     kept_request_bytes          what the requests of resumable streams take, which are kept for a reload
///     hanging_calls: array of plugin, producer, generation, function, stream, seconds     calls that do not return, and whose loops go on without them
///     images, image_bytes         every image that was ever loaded stays mapped: how many, and how much address space they have
///     generations: array of
///         plugin, generation, state ("serving", "draining"), reason (of draining, or null), file, content, age_seconds,
///         draining_seconds (or null), image_bytes, open_streams, subscribers, oldest_stream_seconds (or null),
///         trial: null, or failures, failures_max, seconds_left      of a new generation that is still taken back if so many streams fail
///         held_for_generation     on trial, which it would serve again in place of (or null)
///         producers: array of name, route, opens, closes, open
///         holders: array of stream, producer, shared, peer (or null), age_seconds     the oldest open streams
///     changed_libraries: array of library, plugins                            on disk, while plugins have the old one in memory
///     refusals: array of at (seconds since 1970), error                       the last ones, the oldest first
struct StatusReport {
    let runtime: Runtime
    let reloader: Reloader
    let desk: ReloadDesk
    let address: String
    let directory: String
    /// Monotonic nanoseconds.
    let startedAt: Int64
    let libraries: LibraryReport
    let connectionCount: @Sendable () -> Int

    /// A loop that a producer holds up is not waited for any longer.
    private static let surveySeconds = 2

    /// Any thread but the loops'; takes some milliseconds.
    var json: JSONValue {
        let survey = survey()
        let images = MappedImages()
        let now = monotonicNanoseconds()
        let record = desk.record
        return ControlProtocol.answer([
            ("version", .text(Sluice.version)), ("pid", .integer(Int(getpid()))), ("address", .text(address)),
            ("directory", .text(directory)), ("uptime_seconds", Self.seconds(now - startedAt)),
            ("reloads", .integer(record.count)), ("last_reload", record.lastAt.map { .integer(Int($0)) } ?? .null),
            ("is_reloading", .bool(record.isReloading)),
            ("open_streams", .integer(runtime.openStreams)), ("stuck_streams", .integer(runtime.stuckStreams)),
            ("threads", .integer(runtime.usedThreads)), ("refused_requests", .integer(runtime.refusedRequests)),
            ("connections", .integer(connectionCount())),
            ("kept_request_bytes", .integer(runtime.keptRequestBytes)),
            ("hanging_calls", .array(runtime.hangingCalls.map { Self.json($0, now) })),
            ("images", .integer(images.count)), ("image_bytes", .integer(images.bytes)),
            ("generations", .array(reloader.standings.map { Self.json($0, survey, images, now) })),
            (
                "changed_libraries",
                .array(
                    libraries.changed.map {
                        .object([("library", .text($0.library)), ("plugins", .texts($0.plugins))])
                    })
            ),
            (
                "refusals",
                .array(record.refusals.map { .object([("at", .integer(Int($0.at))), ("error", .text($0.error))]) })
            ),
        ])
    }

    private static func json(
        _ standing: Reloader.Standing, _ survey: StreamSurvey?, _ images: MappedImages, _ now: Int64
    ) -> JSONValue {
        let share = survey?.share(of: standing.generation)
        let image = (standing.image.origin as? LoadedPlugin)?.mappedPath
        let trial: JSONValue = standing.trial.map { json($0, now) } ?? .null
        let heldFor: JSONValue = standing.heldFor.map { .integer($0) } ?? .null
        let members: [(name: String, value: JSONValue)] = [
            ("plugin", .text(standing.generation.plugin)), ("generation", .integer(standing.generation.number)),
            ("state", .text(standing.retired == nil ? "serving" : "draining")),
            ("reason", standing.retired.map { .text($0.reason.name) } ?? .null),
            ("file", .text(standing.image.path)), ("content", .text(standing.image.content)),
            ("age_seconds", seconds(now - standing.loadedAt)),
            ("draining_seconds", standing.retired.map { seconds(now - $0.at) } ?? .null),
            ("trial", trial), ("held_for_generation", heldFor),
            ("image_bytes", .integer(image.map { images.bytes(of: $0) } ?? 0)),
            ("open_streams", .integer(standing.generation.liveStreams)),
            ("subscribers", share.map { .integer($0.subscribers) } ?? .null),
            ("oldest_stream_seconds", share?.holders.first.map { seconds($0.ageNanoseconds) } ?? .null),
            ("producers", .array(standing.entries.map(json))),
            ("holders", .array((share?.holders ?? []).map(json))),
        ]
        return .object(members)
    }

    private static func json(_ call: HangingCall, _ now: Int64) -> JSONValue {
        .object([
            ("plugin", .text(call.plugin)), ("producer", .text(call.producer)),
            ("generation", .integer(call.generation)), ("function", .text(call.function)),
            ("stream", .text("\(call.stream)")), ("seconds", seconds(now - call.since)),
        ])
    }

    private static func json(_ trial: Reloader.OnTrialStanding, _ now: Int64) -> JSONValue {
        .object([
            ("failures", .integer(trial.failures)), ("failures_max", .integer(trial.failuresMax)),
            ("seconds_left", seconds(max(0, trial.until - now))),
        ])
    }

    private static func json(_ entry: ProducerEntry) -> JSONValue {
        let ledger = entry.ledger
        return .object([
            ("name", .text(entry.description.name)), ("route", .text(entry.description.route)),
            ("opens", .integer(ledger.opens)), ("closes", .integer(ledger.closes)), ("open", .integer(ledger.open)),
        ])
    }

    private static func json(_ holder: StreamSurvey.Holder) -> JSONValue {
        .object([
            ("stream", .text("\(holder.stream)")), ("producer", .text(holder.producer)),
            ("shared", .bool(holder.isShared)), ("peer", holder.peer.map(JSONValue.text) ?? .null),
            ("age_seconds", seconds(holder.ageNanoseconds)),
        ])
    }

    private func survey() -> StreamSurvey? {
        let answer = SurveyAnswer()
        runtime.survey { answer.take($0) }
        return answer.wait(seconds: Self.surveySeconds)
    }

    /// To the millisecond.
    private static func seconds(_ nanoseconds: Int64) -> JSONValue {
        .real(Double(nanoseconds / 1_000_000) / 1000)
    }
}
