import CSluice
import EventStream
import ForeignFunction
import Glibc
import ProducerInterface

/// `host->bind` and `host->callback`: C functions that are made for a stream.
enum HostBind {
    private static let signatureBytesMax = 4096

    static func bind(
        _ stream: OpaquePointer?, _ signature: UnsafePointer<CChar>?, _ handler: sluice_function?,
        _ context: UnsafeMutableRawPointer?
    ) -> sluice_function? {
        var function: sluice_function?
        HostThread.shared.withRoom { function = boundFunction(stream, signature, handler, context) }
        return function
    }

    static func callback(_ stream: OpaquePointer?, _ signature: UnsafePointer<CChar>?) -> sluice_function? {
        var function: sluice_function?
        HostThread.shared.withRoom { function = eventFunction(stream, signature) }
        return function
    }

    private static func boundFunction(
        _ stream: OpaquePointer?, _ signature: UnsafePointer<CChar>?, _ handler: sluice_function?,
        _ context: UnsafeMutableRawPointer?
    ) -> sluice_function? {
        guard let token = HandleLookUp.liveToken(stream, "bind") else { return nil }
        guard let handler else {
            HostLog.misuse("bind", "was given no handler", stream: token)
            return nil
        }
        let words = ClosureWords(function: unsafeBitCast(handler, to: UnsafeRawPointer.self), context: context)
        return make("bind", token, signature, words) { producer, text throws(SignatureProblem) in
            try BoundFunction.family(text, producer.callbacks)
        }
    }

    private static func eventFunction(
        _ stream: OpaquePointer?, _ signature: UnsafePointer<CChar>?
    ) -> sluice_function? {
        guard let token = HandleLookUp.liveToken(stream, "callback") else { return nil }
        return make("callback", token, signature, ClosureWords(tag: token.raw)) {
            producer, text throws(SignatureProblem) in
            try EventFunction.family(text, producer.encoder, producer.callbacks)
        }
    }

    private static func make(
        _ function: StaticString, _ token: StreamToken, _ signature: UnsafePointer<CChar>?, _ words: ClosureWords,
        _ family: (PluginProducer, String) throws(SignatureProblem) -> ClosureFamily
    ) -> sluice_function? {
        guard let producer = ConnectedRuntime.producer(of: token) else {
            HostLog.misuse(function, "was called for a stream that is over", stream: token)
            return nil
        }
        guard let signature else {
            HostLog.misuse(function, "was given no signature", stream: token)
            return nil
        }
        guard let text = PluginText.key(signature, bytesMax: signatureBytesMax) else {
            HostLog.misuse(
                function, "was given a signature that is not UTF-8, or has more than \(signatureBytesMax) bytes",
                stream: token)
            return nil
        }
        ClosureRehearsal.done
        do {
            // What a family depends on besides the producer's name, which is the same in each generation.
            let name = "\(function) \(producer.encoder.maximumEventBytes) \(text)"
            let family = try producer.callbacks.family(name) { () throws(SignatureProblem) in
                try family(producer, text)
            }
            guard let code = StreamClosures.adopt(try family.make(words), of: family, for: token) else {
                HostLog.misuse(function, "was called for a stream that is over", stream: token)
                return nil
            }
            return unsafeBitCast(code, to: sluice_function.self)
        } catch let problem as SignatureProblem {
            report(problem, function, token)
        } catch {
            let problem = "created no function: \(error)"
            HostLog.misuse(function, problem, stream: token)
        }
        return nil
    }

    /// A signature that cannot be parsed gets two more lines: the signature, and a mark below the place.
    private static func report(_ problem: SignatureProblem, _ function: StaticString, _ token: StreamToken) {
        switch problem {
        case .sentence(let sentence): HostLog.misuse(function, sentence, stream: token)
        case .place(let error):
            HostLog.misuse(
                function, "cannot read its signature: \(error.place)",
                more: error.caret.split(separator: "\n").map { "    \($0)" }, stream: token)
        }
    }
}
