import CSluice
import FoundationEssentials

/// A producer that hands on what it knows when a newer build of its plugin takes over a stream.
///
/// Together with `.resumable`: the new build's producer is made, is given what the old one saved, and then starts as usual. The old
/// one and the new one may be of different builds, so `Saved` should only ever get optional members. What the new build cannot read
/// refuses the hand-over, and the stream stays with the old build.
public protocol Restorable: ProducerDeclaration {
    associatedtype Saved: Codable

    /// What the new build should know; `nil` for nothing. Runs where the stream lives, between two events.
    func save() -> Saved?

    /// Takes over what another build saved, before the stream starts.
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
