import CSluice
import ProducerInterface

/// The version of the host, for people.
package let hostVersion = "0.1.0"

/// The version of the interface that the host offers to plugins: "1.1".
package let hostInterface = "\(Manifest.major).\(Manifest.minor)"

/// The only `sluice_host` of the process: created at its first use, and never changed or freed, because plugins keep
/// it.
///
/// Its functions can be called from any thread with any handle, at any time. They trust none of their arguments: a
/// handle is looked up, text is read with a limit, and a wrong call has no effect but a log line.
enum HostTable {
    nonisolated(unsafe) static let pointer: UnsafePointer<sluice_host> = {
        let table = UnsafeMutablePointer<sluice_host>.allocate(capacity: 1)
        var host = sluice_host()
        host.struct_size = UInt32(MemoryLayout<sluice_host>.size)
        host.abi_major = Manifest.major
        host.abi_minor = Manifest.minor
        host.version = version.start
        fillStreamFunctions(of: &host)
        fillRequestFunctions(of: &host)
        fillAnswerFunctions(of: &host)
        fillLaterFunctions(of: &host)
        table.initialize(to: host)
        return UnsafePointer(table)
    }()

    private static let version = LentBytes(copyingBytes: hostVersion.utf8)

    /// Functions for a running stream.
    private static func fillStreamFunctions(of host: inout sluice_host) {
        host.log = { stream, level, message in HostLog.say(message, level: level, stream: stream) }
        host.wake = { stream in
            guard let token = StreamToken(stream), ConnectedRuntime.ask({ $0.wake(token) }) == true else {
                return HostLog.stale("wake", stream: stream)
            }
        }
        host.emit = { stream, event in HostEmit.emit(stream, event) }
        host.sleep = { stream, milliseconds in
            guard let token = HandleLookUp.liveToken(stream, "sleep") else { return false }
            if let answer = ConnectedRuntime.ask({ $0.sleep(token, milliseconds: max(milliseconds, 0)) }) ?? nil {
                return answer
            }
            HostLog.misuse("sleep", "is for producers without SLUICE_NONBLOCKING, and did not sleep", stream: token)
            return ConnectedRuntime.ask { $0.isCancelled(token) } == false
        }
        host.producer = { stream in
            guard let token = HandleLookUp.liveToken(stream, "producer") else { return nil }
            let producer = ConnectedRuntime.ask { $0.producer(of: token) } ?? nil
            return (producer as? PluginProducer)?.declaration.pointer
        }
        host.is_cancelled = { stream in
            guard let token = StreamToken(stream) else { return true }
            return ConnectedRuntime.ask { $0.isCancelled(token) } ?? true
        }
        host.schedule = { stream, nanoseconds, function, context in
            guard let token = HandleLookUp.liveToken(stream, "schedule") else { return false }
            guard let function else {
                HostLog.misuse("schedule", "was given no function", stream: token)
                return false
            }
            let outcome = ConnectedRuntime.ask {
                $0.schedule(token, afterNanoseconds: max(nanoseconds, 0), ProducerCall(function, context))
            }
            if outcome == .tooMany {
                HostLog.misuse(
                    "schedule", "was refused: the stream has reached max-scheduled-calls",
                    stream: token)
            }
            return outcome == .accepted
        }
        host.fail = { stream, message in
            guard let token = HandleLookUp.liveToken(stream, "fail") else { return }
            HostThread.shared.withRoom { StreamMaps.keepFailure(PluginText.message(message) ?? "", of: token) }
        }
    }

    /// Functions for questions about the request, until `open` is answered.
    private static func fillRequestFunctions(of host: inout sluice_host) {
        host.parameter = { stream, name in HandleLookUp.lendNamed(stream, "parameter", name) { .parameter($0) } }
        host.query = { stream, name in HandleLookUp.lendNamed(stream, "query", name) { .query($0) } }
        host.header = { stream, name in HandleLookUp.lendNamed(stream, "header", name) { .header($0.lowercased()) } }
        host.config = { stream, key in HandleLookUp.lendNamed(stream, "config", key) { .config($0) } }
        host.path = { stream in HandleLookUp.lend(stream, "path", .path)?.start }
        host.method = { stream in HandleLookUp.lend(stream, "method", .method)?.start }
        host.remote_address = { stream in HandleLookUp.lend(stream, "remote_address", .remoteAddress)?.start }
        host.last_event_id = { stream in HandleLookUp.lend(stream, "last_event_id", .lastEventID)?.start }
        host.body = { stream, length in HandleLookUp.lendBytes(stream, "body", .body, length) }
        host.saved = { stream, length in HandleLookUp.lendBytes(stream, "saved", .saved, length) }
        host.identity = { stream in HandleLookUp.lend(stream, "identity", .identity)?.start }
        host.claim = { stream, name in HandleLookUp.lendNamed(stream, "claim", name) { .claim($0) } }
    }

    /// What `open` answers in addition to its return value, and answers that come later.
    private static func fillAnswerFunctions(of host: inout sluice_host) {
        host.reject = { stream, status, message in
            HostThread.shared.withRoom {
                HandleLookUp.opening(stream, "reject")?.reject(
                    status: status, message: PluginText.message(message) ?? "")
            }
        }
        host.set_header = { stream, name, value in HostAnswers.setHeader(stream, name, value) }
        host.opened = { stream, status in HostAnswers.opened(stream, status) }
        host.save = { stream, bytes, length in HostAnswers.save(stream, bytes, length) }
        host.closed = { stream in HostAnswers.closed(stream) }
    }

    /// Functions that make C functions for a stream.
    private static func fillLaterFunctions(of host: inout sluice_host) {
        host.bind = { stream, signature, handler, context in HostBind.bind(stream, signature, handler, context) }
        host.callback = { stream, signature in HostBind.callback(stream, signature) }
    }
}
