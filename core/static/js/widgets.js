"use strict";
// The pickers of Flask-Admin in the language of the page; their texts come with the script element.
(function () {
  const words = document.currentScript.dataset;
  const $ = window.jQuery;

  $.extend($.fn.select2.defaults, {
    formatNoMatches: function () { return words.none; },
    formatSearching: function () { return words.searching; },
    formatLoadMore: function () { return words.more; },
    formatInputTooShort: function () { return words.short; },
    formatAjaxError: function () { return words.failed; },
  });

  const picker = $.fn.daterangepicker;
  $.fn.daterangepicker = function (options, callback) {
    const locale = { applyLabel: words.apply, cancelLabel: words.cancel, fromLabel: words.from, toLabel: words.to };
    return picker.call(this, $.extend({ locale: locale }, options), callback);
  };
}());
