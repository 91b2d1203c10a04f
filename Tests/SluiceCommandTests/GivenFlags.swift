import ArgumentParser
import Synchronization

@testable import SluiceCommand

/// The settings that a command line of `sluice serve` gives, by key.
///
/// Each command line is parsed only once: without optimization, the parser checks all declarations again each time.
func givenFlags(_ arguments: [String]) throws -> [String: String] {
    if let flags = given.withLock({ $0[arguments] }) { return flags }
    let flags = try ServeOptions.parse(arguments).flags
    given.withLock { $0[arguments] = flags }
    return flags
}

private let given = Mutex<[[String]: [String: String]]>([:])
