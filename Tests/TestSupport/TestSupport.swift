// Code that the tests of several targets share.
