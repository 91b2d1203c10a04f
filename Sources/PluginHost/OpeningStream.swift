import CSluice
import ForeignFunction
import ProducerInterface
import Synchronization

/// A stream from the call of `open` to its answer: what the plugin can ask about the request, and what it adds to its
/// answer.
final class OpeningStream: Sendable {
    /// Something that the host lends until the answer.
    enum Item: Hashable {
        case parameter(String)
        case query(String)
        /// In lower case.
        case header(String)
        case config(String)
        case claim(String)
        case path, method, remoteAddress, lastEventID, body, saved
        /// The subject of the client's token.
        case identity
    }

    private enum Phase {
        /// `open` has not returned.
        case running
        /// `host->opened` was called, and `open` has not returned.
        case answered(status: Int32)
        /// `open` returned SLUICE_OPEN_PENDING.
        case pending
        case over
    }

    private struct State {
        var phase = Phase.running
        var lent: [Item: LentBytes] = [:]
        var rejection: (status: Int, message: String)?
        /// A status was given that is not valid.
        var rejectionFault: String?
        var headers: [StreamRequest.Field] = []
    }

    private let request: StreamRequest
    private let parameters: PluginParameters
    private let configured: @Sendable (String) -> String?
    /// The typed arguments of `open`; the plugin can use their texts until the answer.
    let arguments: ArgumentStorage?
    private let state = Mutex(State())

    /// - Parameter configured: the operator's value of a key for this producer.
    init(
        request: StreamRequest, parameters: PluginParameters, arguments: ArgumentStorage?,
        configured: @escaping @Sendable (String) -> String?
    ) {
        self.request = request
        self.parameters = parameters
        self.arguments = arguments
        self.configured = configured
    }

    /// Lends one item; the same item is the same memory each time. `nil` once there is an answer, because the memory
    /// would no longer be valid.
    func lend(_ item: Item) -> LentBytes? {
        state.withLock { state in
            if case .over = state.phase { return nil }
            if let lent = state.lent[item] { return lent }
            let lent = make(item)
            if let lent { state.lent[item] = lent }
            return lent
        }
    }

    private func make(_ item: Item) -> LentBytes? {
        switch item {
        case .parameter(let name): parameters.text(of: name).flatMap(LentBytes.init)
        case .query(let name): request.query.first { $0.name == name }.flatMap { LentBytes($0.value) }
        case .header(let name): header(name).flatMap(LentBytes.init)
        case .config(let key): configured(key).flatMap(LentBytes.init)
        case .claim(let name): request.identity?.claims[name].flatMap(LentBytes.init)
        case .path: LentBytes(request.path)
        case .method: LentBytes(request.method)
        case .remoteAddress: LentBytes(request.remoteAddress)
        case .lastEventID: request.lastEventID.flatMap(LentBytes.init)
        case .saved: request.saved.map { LentBytes(copyingBytes: $0) }
        case .body: request.method == "POST" ? LentBytes(copyingBytes: request.body) : nil
        case .identity: (request.identity?.subject).flatMap(LentBytes.init)
        }
    }

    /// RFC 9110, section 5.2: the values of one name, joined.
    private func header(_ name: String) -> String? {
        let values = request.headers.filter { $0.name.lowercased() == name }.map(\.value)
        return values.isEmpty ? nil : values.joined(separator: ", ")
    }

    func reject(status: Int32, message: String) {
        state.withLock { state in
            if (400...599).contains(status) {
                state.rejection = (Int(status), message)
                state.rejectionFault = nil
            } else {
                state.rejectionFault = "host->reject was given the status \(status), which is not from 400 to 599"
            }
        }
    }

    /// Replaces a header of the same name, unless that may occur several times.
    /// - Returns: `false` if there are too many already, or the head is about to be sent.
    func setHeader(_ header: StreamRequest.Field) -> Bool {
        state.withLock { state in
            if case .over = state.phase { return false }
            let name = header.name.lowercased()
            if !ResponseHeader.repeatable.contains(name),
                let index = state.headers.firstIndex(where: { $0.name.lowercased() == name })
            {
                state.headers[index] = header
                return true
            }
            guard state.headers.count < ResponseHeader.countMax else { return false }
            state.headers.append(header)
            return true
        }
    }

    // MARK: - The answer

    /// `open` returned.
    ///
    /// If `host->opened` was called first, and `open` then returned SLUICE_OPEN_PENDING, the answer counts from here,
    /// so that no other code has to handle an answer that comes before the return.
    ///
    /// - Parameter contradicted: called if there are two answers, of which the returned one counts.
    func returned(_ status: Int32, contradicted: () -> Void = {}) -> OpenOutcome {
        var isContradiction = false
        defer { if isContradiction { contradicted() } }
        return state.withLock { state in
            guard status == OpenStatus.pending else {
                if case .answered = state.phase { isContradiction = true }
                return Self.answer(status, of: &state)
            }
            guard case .answered(let status) = state.phase else {
                state.phase = .pending
                return .pending
            }
            return Self.answer(status, of: &state)
        }
    }

    enum LaterAnswer {
        /// The stream's answer, which must be passed on.
        case outcome(OpenOutcome)
        /// `open` is still running, and its return decides.
        case held
        /// There is an answer already.
        case repeated
    }

    /// `host->opened` was called.
    func opened(_ status: Int32) -> LaterAnswer {
        state.withLock { state in
            switch state.phase {
            case .running:
                state.phase = .answered(status: status)
                return .held
            case .pending:
                return .outcome(Self.answer(status, of: &state))
            case .answered, .over:
                return .repeated
            }
        }
    }

    private static func answer(_ status: Int32, of state: inout sending State) -> OpenOutcome {
        state.phase = .over
        switch status {
        case OpenStatus.ok:
            return .opened(headers: state.headers)
        case OpenStatus.end:
            return .ended(headers: state.headers)
        case OpenStatus.reject:
            if let fault = state.rejectionFault { return .failed(log: fault) }
            return .rejected(
                status: state.rejection?.status ?? 500,
                message: state.rejection?.message ?? "The producer refused the request.", headers: state.headers)
        default:
            return .failed(log: "open answered \(status), which is not one of SLUICE_OPEN_…")
        }
    }
}

/// The constants of `open`, in the type that it returns.
enum OpenStatus {
    static let ok = Int32(SLUICE_OPEN_OK)
    static let end = Int32(SLUICE_OPEN_END)
    static let reject = Int32(SLUICE_OPEN_REJECT)
    static let pending = Int32(SLUICE_OPEN_PENDING)
}
