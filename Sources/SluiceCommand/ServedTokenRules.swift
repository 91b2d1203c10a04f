import FrontDoor
import Identity
import Logging
import Settings

/// Which clients need a token, for all producers and for those with rules of their own.
struct ServedTokenRules {
    let common: TokenRules
    private(set) var ofProducers: [String: TokenRules] = [:]
    /// Producers whose rules have the common keys.
    private var sharing: Set<String> = []
    /// Producers that the configuration no longer has rules for.
    private(set) var kept: Set<String> = []

    /// Reads all files and variables with keys and tokens.
    ///
    /// Rules of a producer that the settings no longer have stay in force: its old code can go on serving, if the new
    /// one is refused or rolled back, and must not be open then.
    /// - Parameter previous: those in force.
    /// - Throws: what is wrong with a file or a variable.
    init(_ settings: Settings, after previous: ServedTokenRules? = nil) async throws {
        let files = TokenFiles(isInsecure: settings.insecurePlugins)
        common = try await files.rules(settings.anyProducer)
        for (name, own) in settings.producers where own.hasTokenRules {
            let shares = !own.hasOwn("auth")
            if shares { sharing.insert(name) }
            ofProducers[name] = try await files.rules(own, sharing: shares ? common.checker : nil)
        }
        for (name, rules) in previous?.ofProducers ?? [:] where ofProducers[name] == nil && rules.policy != .none {
            kept.insert(name)
            ofProducers[name] = rules
            if previous?.sharing.contains(name) == true, !common.checker.isEmpty {
                sharing.insert(name)
                ofProducers[name]?.checker = common.checker
            }
        }
    }
}

extension ServedTokenRules {
    /// - Parameter known: those that were told before.
    func warnOfKept(besides known: Set<String>, _ logger: Logger) {
        for name in kept.subtracting(known).sorted() {
            logger.warning(
                "the configuration no longer says who may open a producer's streams; what it said stays in force until it has other rules for it, or the server restarts",
                metadata: ["producer": "\(name)"])
        }
    }
}

extension ScopedSettings {
    /// Whether the file sets anything about tokens for this producer.
    fileprivate var hasTokenRules: Bool { hasOwn("auth") || hasOwn(\.auth) || hasOwn(\.require) }
}
