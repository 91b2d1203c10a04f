import ArgumentParser
import Synchronization

@testable import SluiceCommand

/// What a command line of `sluice serve` says, by key.
///
/// Each is read once: a parser that is compiled without optimisation checks all declarations again for every command line.
func givenFlags(_ arguments: [String]) throws -> [String: String] {
    if let flags = given.withLock({ $0[arguments] }) { return flags }
    let flags = try ServeOptions.parse(arguments).flags
    given.withLock { $0[arguments] = flags }
    return flags
}

private let given = Mutex<[[String]: [String: String]]>([:])
