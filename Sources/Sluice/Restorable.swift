import CSluice
import FoundationEssentials

/// A producer that passes on its state when a newer build of its plugin takes over a stream.
///
/// Use it together with `.resumable`: the new build's producer is created, is given what the old one saved, and then
/// starts as usual. The two builds may define `Saved` differently, so only ever add optional members to it. If the new
/// build cannot read the saved state, the stream stays with the old build.
public protocol Restorable: ProducerDeclaration {
    associatedtype Saved: Codable

    /// The state for the new build; `nil` for none. Called between two events, on the stream's own loop or thread.
    func save() -> Saved?

    /// Restores what another build saved, before the stream starts.
    mutating func restore(_ saved: Saved) throws
}

extension Restorable {
    func save(to stream: OpaquePointer) {
        guard let saved = save() else { return }
        do {
            let bytes = Array(try JSONEncoder().encode(saved))
            if !Host.table.pointee.save(stream, bytes, bytes.count) {
                Host.log(
                    "save: \(bytes.count) bytes are more than the server accepts", level: SLUICE_LOG_WARNING,
                    stream: stream)
            }
        } catch {
            Host.log("save: \(error)", level: SLUICE_LOG_ERROR, stream: stream)
        }
    }

    mutating func restore(from stream: OpaquePointer) throws {
        var length = 0
        guard let bytes = Host.table.pointee.saved(stream, &length) else { return }
        let data = Data(bytes: bytes, count: length)
        try restore(JSONDecoder().decode(Saved.self, from: data))
    }
}
