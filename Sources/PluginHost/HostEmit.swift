import CSluice
import ProducerInterface

/// `host->emit`: an event that the plugin pushes.
enum HostEmit {
    static func emit(_ stream: OpaquePointer?, _ event: UnsafePointer<sluice_event>?) -> Int32 {
        var answer = closed
        HostThread.shared.withRoom(bytes: HostThread.eventBytes) { answer = take(event, for: stream) }
        return answer
    }

    private static func take(_ event: UnsafePointer<sluice_event>?, for stream: OpaquePointer?) -> Int32 {
        guard let token = StreamToken(stream), let producer = ConnectedRuntime.producer(of: token) else {
            HostLog.stale("emit", stream: stream)
            return closed
        }
        guard let event, UInt(bitPattern: event) % 8 == 0, event.pointee.struct_size >= 8 else {
            HostLog.misuse("emit", "was given an event without sluice_event_init", stream: token)
            return invalid
        }
        // Members that an older sluice.h does not have stay unset.
        let copy = SizedStruct.overlay(event, bytes: Int(event.pointee.struct_size), on: sluice_event.reset)
        var fault: EventFault?
        let outcome = ConnectedRuntime.ask { services in
            services.emit(token) { frames in
                do throws(EventFault) {
                    try producer.encoder.encode(copy, into: &frames)
                    return true
                } catch {
                    fault = error
                    return false
                }
            }
        }
        switch outcome {
        case .accepted, .displaced: return Int32(SLUICE_EMIT_OK)
        case .full: return Int32(SLUICE_EMIT_FULL)
        case .invalid:
            if let rule = fault { HostLog.misuse("emit", "was given an event in which \(rule)", stream: token) }
            return invalid
        case .over, nil:
            // A thread may emit while its stream is about to be closed; that is not an error.
            if ConnectedRuntime.ask({ $0.isLive(token) }) != true { HostLog.stale("emit", stream: stream) }
            return closed
        }
    }

    private static let closed = Int32(SLUICE_EMIT_CLOSED)
    private static let invalid = Int32(SLUICE_EMIT_INVALID)
}
