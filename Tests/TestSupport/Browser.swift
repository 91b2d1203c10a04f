import Glibc

/// A headless browser with one page.
package final class Browser: Sendable {
    package enum Kind: String, Sendable, CaseIterable {
        case chromium, firefox

        package var isInstalled: Bool {
            switch self {
            case .chromium: access(Chromium.driver, X_OK) == 0 && access(Chromium.executable, X_OK) == 0
            case .firefox: access(Firefox.executable, X_OK) == 0
            }
        }

        package static var installed: [Kind] { allCases.filter(\.isInstalled) }
    }

    private let session: any BrowserSession

    package init(_ kind: Kind = .chromium) throws {
        session =
            switch kind {
            case .chromium: try Chromium()
            case .firefox: try Firefox()
            }
    }

    deinit { session.quit() }

    package func quit() { session.quit() }

    package func open(_ url: String) throws { try session.open(url) }

    /// Runs the body of an asynchronous function in the page, until it calls `done(value)`.
    /// - Parameter script: gets `done`, and must call it with a value of the expected type.
    package func run<Value: Decodable>(_ script: String, as type: Value.Type = Value.self) throws -> Value {
        try session.run("const done = arguments[0];\n" + script)
    }
}

/// The connection to a browser.
protocol BrowserSession: Sendable {
    func open(_ url: String) throws
    /// Runs the body of a function, which must call its first argument with the value.
    func run<Value: Decodable>(_ script: String) throws -> Value
    /// Ends the browser; later calls do nothing.
    func quit()
}
